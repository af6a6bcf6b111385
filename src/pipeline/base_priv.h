/* Inside: base.c, base_ask.c, base_run.c. */
#ifndef KILN_PIPELINE_BASE_PRIV_H
#define KILN_PIPELINE_BASE_PRIV_H

#include "pipeline/base.h"
#include "pipeline/pipeline_priv.h"

/* A name that is asked for, once. */
struct pipeline_base_ask {
	const char *scope, *name;
	int64_t next_ns; /* 0: at once */
};

struct pipeline_base_row {
	struct pipeline_base b;
	struct pipeline_base_ask ask;
};
/* All of a repository; empty: all whose rules are built when they move. By rule. */
struct err *pipeline_base_load(struct pipeline *p, struct arena *a, struct str repository_id,
			       struct pipeline_base_row **out, size_t *n);

/* The names of the rows, each once, at most LIMIT_BASES_ASKED: those that are due first. */
void pipeline_base_names(struct arena *a, const struct pipeline_base_row *rows, size_t n,
			 struct pipeline_base_ask *out, size_t *n_out);
/* Asks a registry and stores what it says, also that it says nothing. */
struct err *pipeline_base_ask(struct pipeline *p, const struct pipeline_base_ask *q);
/* When to ask again after so many failures in a row. Pure. */
int64_t pipeline_base_pause_s(int64_t interval_s, int64_t n_failures);

/* Does it call for a build? Pure. */
bool pipeline_base_calls(const struct pipeline_base *b);
/* "alpine:3.20 moved from sha256:012345678901 to sha256:…", of those that moved. */
const char *pipeline_base_told(struct arena *a, const struct pipeline_base_row *rows, size_t n);
/* Starts the builds that the rows call for; they are by rule. */
struct err *pipeline_base_start(struct pipeline *p, const struct pipeline_base_row *rows, size_t n);

/* What the thread does each time: asks for what is due, and starts. The ms until the next time. */
uint64_t pipeline_base_round(struct pipeline *p);

#endif

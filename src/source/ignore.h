/* .dockerignore: which paths of a context do not exist for a build. SPEC Dockerfile reference
 * ".dockerignore file" */
#ifndef KILN_SOURCE_IGNORE_H
#define KILN_SOURCE_IGNORE_H

#include "base/err.h"
#include "base/str.h"

struct source_ignore;

struct source_ignore_rule {
	uint32_t line;      /* 1-based */
	struct str pattern; /* as written; borrowed from the object */
};

/* `name` is the file's name for messages. Comments, blank lines, leading and trailing slashes, "!",
 * "**", "*", "?", "[…]", "\\". ERR_INVALID with the line for a bad pattern. */
struct err *source_ignore_parse(const char *name, struct str text, struct source_ignore **out);
void source_ignore_free(struct source_ignore *g);
OWN_DECLARE(source_ignore);
const char *source_ignore_name(const struct source_ignore *g);
/* Is `path` (relative, cleaned) left out? The last rule that matches it or a parent decides; `*why`
 * (may be NULL) is that rule. */
bool source_ignore_match(const struct source_ignore *g, const char *path,
			 struct source_ignore_rule *why);
/* May something below the left-out directory `dir` be taken in again by a "!" rule? */
bool source_ignore_may_reinclude(const struct source_ignore *g, const char *dir);
/* SPEC Go filepath.Match over one component. ERR_INVALID for a bad pattern. */
struct err *source_glob(struct str pattern, struct str name, bool *match);

#endif

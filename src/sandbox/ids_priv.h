/* Which ids exist in the new user namespace, and the writing of its two maps. */
#ifndef KILN_SANDBOX_IDS_PRIV_H
#define KILN_SANDBOX_IDS_PRIV_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct id_range {
	uint32_t start, count;
};

struct id_ranges {
	struct id_range of[16];
	size_t n;
};

struct id_plan {
	enum {
		IDS_ALL,         /* root: every id of ours, as it is */
		IDS_SUBORDINATE, /* 0 is the user, 1… are the ranges below */
		IDS_SINGLE,      /* 0 is the user, nothing else exists */
	} kind;
	struct id_ranges uids, gids;
};

/* What /etc/subuid and /etc/subgid hold for who runs this. ERR_NOT_FOUND when they have ranges but
 * newuidmap or newgidmap is not installed. */
struct err *sandbox_ids_plan(struct id_plan *out);
/* Writes the maps of `pid`, a child of ours that waits in a new user namespace. */
struct err *sandbox_ids_apply(const struct id_plan *p, pid_t pid);
/* The ranges in the text of /etc/subuid for the user `name` (NULL: none) or the number `id`; lines
 * that are none are skipped. */
void sandbox_ids_read(const char *text, const char *name, uint32_t id, struct id_ranges *out);

#endif

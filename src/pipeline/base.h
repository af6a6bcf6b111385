/* Base images: where their names lead now, and builds that start when that moves.
 *
 * 1. Of a rule counts the newest build that succeeded and whose ref is still there: the digests
 *    that its bases had, and its ref and commit, which are built again.
 * 2. A name is asked for once, however many rules have it; one of kiln's own registry once for each
 *    namespace, which sees what its builds see. A name with a digest cannot move, and is not asked
 *    for.
 * 3. For which digest a build was started is stored with its record, in one transaction: it starts
 *    once for each move, whichever process is killed, also when the build fails.
 * 4. While a build of the rule has not ended none is started; what moved meanwhile is found again.
 * 5. It does not matter whether pushes start the rule, as with schedules. */
#ifndef KILN_PIPELINE_BASE_H
#define KILN_PIPELINE_BASE_H

#include "pipeline/pipeline.h"

/* A base image of the newest build of a rule. */
struct pipeline_base {
	const char *rule_id, *repository_id;
	const char *build_id, *ref, *commit;                /* of that build */
	const char *name;                                   /* as in FROM */
	const char *digest;                                 /* that it led to in the build */
	bool watched;                                       /* the rule is built when it moves */
	const char *newest;                                 /* that was seen last; NULL: none */
	int64_t checked_ns;                                 /* the last look; 0: there was none */
	const char *error_code, *error_text, *error_remedy; /* of it; NULL: it went well */
	bool checking;                                      /* it is being asked for */
	/* The last time that it started a build: for which digest. NULL: never. */
	const char *rebuilt_for;
	int64_t rebuilt_ns;
	const char *rebuild, *rebuild_status; /* the build; NULL: none could be started, or gone */
	const char *rebuild_code, *rebuild_text, *rebuild_remedy; /* why none could be */
};
/* Does the name lead to another image than that of the build? */
bool pipeline_base_moved(const struct pipeline_base *b);

/* Those of a repository, by rule. */
struct err *pipeline_base_list(struct pipeline *p, struct arena *a, struct str repository_id,
			       struct pipeline_base **out, size_t *n);
/* Asks for them now, and starts what is to be built for it. Returns when that is done, or after ten
 * seconds: `checking` of the list tells whether it goes on. ERR_CONFLICT code BASES_OFF in a
 * pipeline that was opened without registries. */
struct err *pipeline_base_check(struct pipeline *p, struct str repository_id);

#endif

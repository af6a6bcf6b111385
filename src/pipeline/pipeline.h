/* The build service: code sources, build records, the queue, workers.
 *
 * 1. All state is in the database and the logs; a restarted server goes on where it was.
 * 2. A record has one job per platform. A worker leases jobs of one record together, runs them as
 *    one graph, and reports; a lease that is not renewed in time gives its jobs back.
 * 3. A source's refs are compared with what was seen last (source_ref), in one transaction with the
 *    records that come of it: a change makes its builds exactly once, whoever told of it.
 * 4. When the last job of a record ends, its images are published: children, index and all tags in
 *    one transaction, or nothing.
 * 5. States move forward by the tables of record.c only. */
#ifndef KILN_PIPELINE_PIPELINE_H
#define KILN_PIPELINE_PIPELINE_H

#include "auth/auth.h"
#include "blob/store.h"
#include "catalog/image.h"
#include "pipeline/log.h"
#include "pipeline/rule.h"
#include "source/git.h"
#include "codec/json.h"
#include "source/webhook.h"

struct pipeline;

/* Registries, as they are asked where the name of a base image leads now. From any thread. */
struct pipeline_registries {
	/* Is it in kiln's own registry? What that shows depends on whose build it is. */
	bool (*is_own)(void *arg, const char *name);
	/* `namespace_`: whose build asks; "" for an image that is not our own. Returns in half a
	 * minute at most. */
	struct err *(*head)(void *arg, const char *namespace_, const char *name,
			    struct oci_digest *out);
	void *arg;
};

struct pipeline_options {
	struct db *db; /* all borrowed */
	struct auth *auth;
	struct catalog *catalog;
	struct blob_store *blobs;
	struct source_git *git;
	struct pipeline_logs *logs;
	int utc_offset_min;         /* of push times in tags; 480 */
	uint32_t lease_s;           /* 0: LIMIT_LEASE_S */
	uint32_t grace_s;           /* between SIGTERM and SIGKILL of a canceled build; 0: 10 */
	const char *const *mirrors; /* "HOST=URL" for workers, NULL-terminated; may be NULL */
	const char *external_url;   /* without a slash at its end; NULL: endpoints get no links */
	bool endpoint_private;      /* endpoints may be on private networks and on this machine */
	uint64_t endpoint_retry_ms; /* before the second try of a notification; 0: 10 s */
	/* of base images; NULL: their registries are not asked */
	const struct pipeline_registries *registries;
	uint32_t base_interval_s; /* between two looks at a base image; 0: only when asked to */
};
/* Takes up what a former process left: leases of its embedded worker are given back, those of
 * others get a fresh time. Starts the threads that poll sources and watch leases. */
struct err *pipeline_open(const struct pipeline_options *o, struct pipeline **out);
void pipeline_stop(struct pipeline *p); /* ends waiting polls of workers; no build is touched */
void pipeline_free(struct pipeline *p);
OWN_DECLARE(pipeline);
uint32_t pipeline_lease_s(const struct pipeline *p); /* as opened with, or the default */
uint32_t pipeline_grace_s(const struct pipeline *p);

/* ---- code sources (source.c) ---- */

struct pipeline_source {
	const char *id, *namespace_, *name; /* crcs-… */
	enum source_provider provider;
	const char *url;                                      /* "" for our own remote */
	const char *credential;                               /* none, password, ssh */
	const char *username, *ssh_public_key, *ssh_host_key; /* NULL where there is none */
	bool submodules, allow_private;
	uint32_t depth, poll_s;
	const char *last_error; /* NULL: the last look was fine */
	int64_t last_poll_ns, created_ns, updated_ns;
};
struct pipeline_source_request {
	struct str namespace_, name;
	enum source_provider provider;
	struct str url, credential, username,
		secret; /* secret: password or token; an ssh key is made */
	bool submodules, allow_private;
	uint32_t depth, poll_s;
};
/* `*hook_secret` is shown once. For SOURCE_KILN the Git repository is made. */
struct err *pipeline_source_create(struct pipeline *p, struct arena *a,
				   const struct pipeline_source_request *r,
				   struct pipeline_source *out, const char **hook_secret);
struct err *pipeline_source_get(struct pipeline *p, struct arena *a, struct str id, bool *found,
				struct pipeline_source *out);
struct err *pipeline_source_find(struct pipeline *p, struct arena *a, struct str namespace_,
				 struct str name, bool *found, struct pipeline_source *out);
struct err *pipeline_source_list(struct pipeline *p, struct arena *a, struct str namespace_,
				 struct pipeline_source **out, size_t *n);
/* NULL and empty members stay. */
struct pipeline_source_change {
	const struct str *url, *credential, *username, *secret, *host_key;
	const bool *submodules, *allow_private;
	const uint32_t *depth, *poll_s;
	bool new_hook_secret; /* the old one is valid until the next rotation */
};
struct err *pipeline_source_update(struct pipeline *p, struct arena *a, struct str id,
				   const struct pipeline_source_change *c,
				   const char **hook_secret);
/* ERR_CONFLICT code SOURCE_IN_USE names the image repositories that are bound to it. */
struct err *pipeline_source_delete(struct pipeline *p, struct str id, bool *found);
/* Asks the remote for its refs: the connection test. */
struct err *pipeline_source_test(struct pipeline *p, struct arena *a, struct str id,
				 struct source_ref **refs, size_t *n);
/* The refs as last seen. */
struct err *pipeline_source_refs(struct pipeline *p, struct arena *a, struct str id,
				 struct source_ref **refs, size_t *n);

/* ---- changes of code (trigger.c) ---- */

/* Looks at the remote's refs now, and makes the builds of what changed since the last look. Returns
 * when the records are there. `actor`: who pushed, for the records; NULL unknown. `*n_builds` may
 * be NULL. Looks at one source come one after the other. */
struct err *pipeline_source_look(struct pipeline *p, struct str source_id, int64_t pushed_ns,
				 const char *actor, size_t *n_builds);
/* The same later, on the pipeline's own threads; several pokes may share a look. */
void pipeline_source_poke(struct pipeline *p, struct str source_id);
/* A webhook's delivery: verified, remembered once, then a poke. `*duplicate` when it was seen. */
struct err *pipeline_delivery(struct pipeline *p, struct arena *a, struct str source_id,
			      const struct source_headers *h, struct str body, bool *duplicate,
			      const char **delivery_id);
struct pipeline_delivery_entry {
	const char *id, *key, *event, *outcome, *detail, *changes_json;
	uint64_t n_builds;
	int64_t received_ns;
};
/* The newest first. `repository_id`: only those that made builds of it; empty: all. */
struct err *pipeline_delivery_list(struct pipeline *p, struct arena *a, struct str source_id,
				   struct str repository_id, int64_t before_ns, size_t n,
				   struct pipeline_delivery_entry **out, size_t *n_out);
struct err *pipeline_delivery_replay(struct pipeline *p, struct str source_id, struct str id,
				     bool *found);

/* ---- what a repository is built from ---- */

struct pipeline_binding {
	const char *source_id;
	bool auto_build, no_cache;
	const char *pool; /* "" the default one; "overseas" is the seed's switch */
};
struct err *pipeline_binding_get(struct pipeline *p, struct arena *a, struct str repository_id,
				 bool *found, struct pipeline_binding *out);
/* The refs that are there now are not built: only what comes after. */
struct err *pipeline_binding_set(struct pipeline *p, struct str repository_id,
				 const struct pipeline_binding *b);
struct err *pipeline_binding_remove(struct pipeline *p, struct str repository_id, bool *found);

/* ---- preview ---- */

struct pipeline_conflict {
	const struct pipeline_rule *rule; /* enabled; writes the tag from the same push */
	const char *tag;
};
struct pipeline_preview {
	const char *ref, *commit;
	const struct pipeline_rule *rule;
	struct pipeline_match match; /* with TAG_IMMUTABLE where the repository refuses it */
	struct pipeline_conflict *conflicts; /* the first LIMIT_PREVIEW_CONFLICTS */
	size_t n_conflicts;
	bool compared; /* false: a given rule, and too much to look for conflicts */
};
struct pipeline_preview_query {
	struct str repository_id;
	/* NULL: each of the repository. One with the id of such a rule is that rule, changed. */
	const struct pipeline_rule *rule;
	const char *const *refs; /* NULL: all of the source, as last seen */
	size_t n_refs;
	bool conflicts_only; /* entries without conflicts are left out */
};
/* For each ref and each rule an entry. A ref of the query that the source does not have gets the
 * commit of zeros. ERR_LIMIT code PREVIEW_LARGE. */
struct err *pipeline_preview(struct pipeline *p, struct arena *a,
			     const struct pipeline_preview_query *q, struct pipeline_preview **out,
			     size_t *n_out);

/* ---- builds (record.c) ---- */

enum pipeline_status {
	PIPELINE_PENDING,
	PIPELINE_BUILDING,
	PIPELINE_SUCCESS,
	PIPELINE_FAILED,
	PIPELINE_CANCELED
};
const char *pipeline_status_name(enum pipeline_status s);
bool pipeline_status_parse(struct str s, enum pipeline_status *out);

struct pipeline_job {
	struct oci_platform platform;
	const char *state; /* queued, running, pushing, done, failed, canceled */
	uint32_t attempt;
	const char *worker; /* its name; NULL */
	bool native_known, native;
	const char *digest, *error_code, *error_text, *error_remedy; /* NULL */
	uint64_t size;
	int64_t queued_ns, started_ns, ended_ns; /* 0: not yet */
};
struct pipeline_build {
	const char *id;
	int64_t seq;
	const char *repository_id, *repository; /* full name */
	const char *rule_id, *source_id;        /* NULL once gone */
	const char *trigger, *actor, *ref, *commit;
	int64_t pushed_ns;
	const char *const *tags;
	size_t n_tags;
	const char *dockerfile_dir, *dockerfile_name;
	const struct pipeline_arg *args;
	size_t n_args;
	bool no_cache, emulation;
	const char *pool;
	int priority;
	enum pipeline_policy policy;
	uint32_t time_limit_s;
	enum pipeline_status status;
	/* When jobs of it are taken among all that wait for workers of its pool: 1 is next. What no
	 * worker that is there can run comes last. 0: none of it waits for a worker. */
	uint32_t queue_position;
	const char *waits_for, *rerun_of, *superseded_by, *canceled_by; /* NULL */
	const char *error_code, *error_text, *error_remedy, *digest;    /* NULL */
	int64_t created_ns, started_ns, ended_ns;
	struct pipeline_job *jobs; /* in the order of the rule's platforms */
	size_t n_jobs;
};
struct pipeline_step {
	uint32_t step, line;
	const char *stage, *text;
	const char *platforms_json;
	const char *state, *cache_reason, *digest; /* NULL */
	const char *base; /* digest that the name of the base image led to; NULL: no base image */
	int64_t started_ms, ended_ms; /* 0 */
	uint64_t size;
};

/* By hand. `ref` empty: what the rule's plain name stands for; else a full or short ref of the
 * source that the rule matches. ERR_INVALID code RULE_NOT_BY_HAND, with the way that works;
 * SRC_REF_GONE; TAG_… as in a preview. `trigger` is MANUAL or API. */
struct err *pipeline_build_start(struct pipeline *p, struct arena *a, struct str rule_id,
				 struct str ref, const char *trigger, const char *actor,
				 struct pipeline_build *out);
/* A new record with the same commit, tags and settings. */
struct err *pipeline_build_rerun(struct pipeline *p, struct arena *a, struct str id,
				 const char *actor, struct pipeline_build *out);
/* Runs the jobs again that failed or were canceled (`platform` empty: all such ones), in the same
 * record. ERR_CONFLICT code BUILD_RUNNING, NOTHING_TO_RETRY. The record of a failed build goes back
 * to no earlier status for clients: a retry is told by jobs[].attempt, and its status is BUILDING
 * again only through a new record if the old one was published. */
struct err *pipeline_build_retry(struct pipeline *p, struct arena *a, struct str id,
				 struct str platform, const char *actor,
				 struct pipeline_build *out);
/* In every state; of an ended one ERR_CONFLICT code BUILD_ENDED. `platform` empty: all of it. */
struct err *pipeline_build_cancel(struct pipeline *p, struct str id, struct str platform,
				  const char *actor);
struct err *pipeline_build_get(struct pipeline *p, struct arena *a, struct str id, bool *found,
			       struct pipeline_build *out);
struct pipeline_build_query {
	struct str repository_id, rule_id, ref, delivery_id, trigger; /* empty: any */
	bool has_status;
	enum pipeline_status status;
	int64_t before_seq; /* 0: from the newest */
	size_t n;
	const struct auth_principal *who; /* only builds of repositories it may see */
};
struct err *pipeline_build_list(struct pipeline *p, struct arena *a,
				const struct pipeline_build_query *q, struct pipeline_build **out,
				size_t *n);
struct err *pipeline_build_steps(struct pipeline *p, struct arena *a, struct str id,
				 struct pipeline_step **out, size_t *n);

/* ---- workers and leases (queue.c) ---- */

struct pipeline_worker_platform {
	struct oci_platform platform;
	bool native;
};
struct pipeline_worker {
	const char *id, *name, *pool, *version;
	struct pipeline_worker_platform platforms[4];
	size_t n_platforms;
	uint32_t slots; /* leases at once */
	bool embedded, draining, online;
	uint32_t n_leases;
	int64_t first_seen_ns, last_seen_ns;
};
/* Under `name` again and again the same id, but for another token: ERR_CONFLICT, WORKER_NAME. */
struct err *pipeline_worker_register(struct pipeline *p, struct arena *a,
				     const struct pipeline_worker *w, const char *token_id,
				     const char **id);
struct err *pipeline_worker_list(struct pipeline *p, struct arena *a, struct pipeline_worker **out,
				 size_t *n);
struct err *pipeline_worker_drain(struct pipeline *p, struct str id, bool on, bool *found);
struct err *pipeline_worker_remove(struct pipeline *p, struct str id, bool *found);

struct pipeline_lease {
	const char *id;
	struct pipeline_build build;      /* jobs: all of the record */
	struct oci_platform platforms[4]; /* leased ones */
	size_t n_platforms;
	int64_t deadline_ns;
	uint32_t first_step; /* number for this lease's first step, less one */
};
struct pipeline_poll {
	const char *worker_id, *token_id;
	uint32_t free_slots;
	const char *const *leases; /* that the worker holds: renewed here */
	size_t n_leases;
	uint32_t wait_ms;
};
struct pipeline_poll_result {
	struct pipeline_lease *leases;
	size_t n_leases;
	const char **cancel; /* of the worker's leases: those to be stopped, or no longer its own */
	size_t n_cancel;
	bool draining;
};
/* Answers when there is a job, something to cancel, or `wait_ms` is over: `done` is called once,
 * from any thread. The result is in the arena. ERR_NOT_FOUND code WORKER_UNKNOWN: register again.
 */
void pipeline_worker_poll(struct pipeline *p, struct arena *a, const struct pipeline_poll *q,
			  void (*done)(void *arg, struct err *e, struct pipeline_poll_result *r),
			  void *arg);
/* Events of a lease from number `seq` on, as the worker sent them (docs/WORKER.md). Those that were
 * seen are passed over. `*next` is the number that is awaited, `*cancel` tells to stop.
 * ERR_NOT_FOUND code LEASE_LOST when the jobs were given to another: the worker drops what it does.
 */
struct err *pipeline_lease_events(struct pipeline *p, struct str lease_id, const char *worker_token,
				  uint64_t seq, json_t *events, uint64_t *next, bool *cancel);
/* Writes the build context of a lease to `out_fd` as tar. */
struct err *pipeline_lease_context(struct pipeline *p, struct str lease_id,
				   const char *worker_token, int out_fd);

#endif

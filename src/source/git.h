/* Git, by the git program in a sandbox of its own: bare repositories of ours, fetched from a remote
 * or pushed to us.
 *
 * 1. git runs with an empty environment, without system and user configuration, hooks, credential
 *    helpers, prompts, file: and ext: transports; it writes below its own repository only
 *    (Landlock) and has limits on memory, processes and time.
 * 2. What comes from outside (URLs, refs, commits, paths) is checked by the functions here before
 *    it is near a command line.
 * 3. Addresses are looked up once, checked and pinned: private, loopback, link-local and metadata
 *    addresses are refused unless allowed, and redirects are not followed.
 *
 * Safe from any thread; one repository is written by one call at a time. Calls block. */
#ifndef KILN_SOURCE_GIT_H
#define KILN_SOURCE_GIT_H

#include "base/arena.h"

struct source_git; /* DATA/git */

struct source_git_options {
	int data_fd;           /* borrowed */
	const char *data_path; /* absolute */
	const char *guard;     /* program that puts the sandbox around git: ourselves, started as
				* `guard git-guard …`; NULL: /proc/self/exe */
};
/* ERR_UNAVAILABLE code GIT_MISSING when there is no git, or one older than 2.37. */
struct err *source_git_open(const struct source_git_options *o, struct source_git **out);
void source_git_free(struct source_git *g);
OWN_DECLARE(source_git);
/* What `kiln git-guard` runs: restricts itself, then becomes git. Does not return on success. */
struct err *source_git_guard(int argc, char **argv);

/* ---- what comes from outside ---- */

enum source_scheme { SOURCE_HTTP, SOURCE_HTTPS, SOURCE_SSH };
struct source_url { /* always valid once parsed */
	enum source_scheme scheme;
	char host[256], user[64]; /* user "" unless ssh */
	uint16_t port;
	char path[1024]; /* "/owner/repo.git" */
	char text[1400]; /* normalised, without secrets */
};
/* https://, http://, ssh://, and user@host:path. ERR_INVALID code SOURCE_URL for all else: local
 * paths, file:, ext:, passwords in the URL, leading "-", control characters. */
struct err *source_url_parse(struct str text, struct source_url *out);
/* A full ref: refs/heads/… or refs/tags/…, after git check-ref-format. */
bool source_ref_ok(struct str ref);
/* What people call it: without refs/heads/ or refs/tags/. */
struct str source_ref_short(struct str ref);
bool source_commit_ok(struct str id); /* 40 or 64 lower-case hexadecimal digits */
/* A relative directory or file of a repository, cleaned: "" for "/", ".", "". ERR_INVALID code
 * PATH for "..", NUL, more than 1024 bytes. The caller frees `*out`. */
struct err *source_path_clean(struct str path, char **out);

/* ---- remotes ---- */

struct source_remote {
	struct source_url url;
	enum { SOURCE_NO_CREDENTIAL, SOURCE_PASSWORD, SOURCE_SSH_KEY } credential;
	struct str username, secret; /* password, token, or private key; never on a command line */
	struct str host_key;         /* known_hosts line; empty: the first that is seen is kept */
	bool allow_private;
	uint32_t depth; /* 0: the whole history */
	bool submodules;
	uint32_t timeout_s; /* 0: 600 */
};
struct source_ref {
	const char *name;   /* refs/heads/main */
	const char *object; /* hexadecimal */
	const char *commit; /* peeled; the same unless an annotated tag */
};
/* Branches and tags of the remote, by name, peeled. At most 100,000. Codes: SRC_AUTH (ERR_DENIED),
 * SRC_HOST_KEY, SRC_ADDRESS (closed address), SRC_UNREACHABLE, SRC_NOT_FOUND. `*host_key` (may be
 * NULL) is what an ssh remote showed. */
struct err *source_git_ls_remote(struct source_git *g, struct arena *a,
				 const struct source_remote *r, struct source_ref **refs, size_t *n,
				 const char **host_key);
/* Brings `commit`, which `ref` pointed at, into the repository `id` ("crcs-…"), with submodules if
 * asked for. Nothing is asked when it is there. ERR_NOT_FOUND code SRC_REF_GONE when the remote has
 * it no more. */
struct err *source_git_fetch(struct source_git *g, const char *id, const struct source_remote *r,
			     const char *ref, const char *commit);
struct err *source_git_remove(struct source_git *g, const char *id);
/* A new ed25519 deploy key: OpenSSH's private key and the line for authorized_keys. The caller
 * frees both. */
struct err *source_ssh_key_make(const char *comment, char **private_key, char **public_key);

/* ---- what is there ---- */

/* A repository that is pushed to; made when absent. */
struct err *source_git_local_init(struct source_git *g, const char *id);
struct err *source_git_local_refs(struct source_git *g, struct arena *a, const char *id,
				  struct source_ref **refs, size_t *n);
/* Writes the tree of `commit` below `dir` ("" is the root) as one tar to `out_fd`, as a checkout
 * would have it (attributes export-ignore and export-subst do nothing; times are the commit's),
 * submodules included if they were fetched. ERR_NOT_FOUND code DF_CONTEXT when there is no such
 * directory; links that leave the tree are kept as they are (nothing here follows them). */
struct err *source_git_archive(struct source_git *g, const char *id, const char *commit,
			       const char *dir, int out_fd);
/* A file of the commit's tree, at most `most` bytes, NUL-terminated; the caller frees it. A
 * symbolic link is its text. ERR_NOT_FOUND code DF_MISSING when there is none, also when the commit
 * is not here. */
struct err *source_git_file(struct source_git *g, const char *id, const char *commit,
			    const char *file, size_t most, char **out, size_t *len);
/* A file without a name, for what comes and goes; the caller closes it. */
struct err *source_git_tmpfile(struct source_git *g, int *fd);
/* Around a push and the look that follows it: one writer of a repository at a time. */
void source_git_enter(struct source_git *g, const char *id);
void source_git_leave(struct source_git *g, const char *id);

/* ---- smart HTTP, for our own remote ---- */

enum source_service { SOURCE_UPLOAD_PACK, SOURCE_RECEIVE_PACK };
/* The answer to GET info/refs?service=…, written to `out_fd`. `protocol` is the Git-Protocol
 * header, checked here. */
struct err *source_git_advertise(struct source_git *g, const char *id, enum source_service s,
				 struct str protocol, int out_fd);
/* The answer to a POST: `in_fd` is the request's body (a file), `gzip` its coding. */
struct err *source_git_serve(struct source_git *g, const char *id, enum source_service s,
			     struct str protocol, int in_fd, bool gzip, int out_fd);

#endif

#include "app/inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/time.h"

/* --- platforms, arguments, tags ------------------------------------------------------------- */

static bool has_platform(const struct oci_platform *v, size_t n, const struct oci_platform *p)
{
	for (size_t i = 0; i < n; i++)
		if (oci_platform_eq(&v[i], p))
			return true;
	return false;
}

struct err *inputs_platforms(const struct invocation *in, struct arena *a,
			     struct oci_platform **out, size_t *n)
{
	const struct option_values *given = option_all(in, "platform");
	*out = arena_new_array(a, GRAPH_MOST_TARGETS, struct oci_platform);
	*n = 0;
	for (size_t i = 0; i < given->n; i++) {
		for (struct str rest = str_of(given->v[i]); rest.p;) {
			struct str text = str_trim(str_cut(&rest, ','));
			struct oci_platform p;
			if (!text.len)
				return err_new(ERR_INVALID,
					       "--platform \"%s\" names nothing: use linux/amd64, "
					       "linux/arm64, linux/arm/v7 or linux/arm/v6",
					       given->v[i]);
			TRY(err_wrap(oci_platform_parse_target(text, &p), "--platform %s",
				     given->v[i]));
			if (has_platform(*out, *n, &p))
				continue;
			if (*n == GRAPH_MOST_TARGETS)
				return err_new(ERR_LIMIT, "--platform: more than %d platforms",
					       GRAPH_MOST_TARGETS);
			(*out)[(*n)++] = p;
		}
	}
	if (!*n)
		(*out)[(*n)++] = oci_platform_host();
	return NULL;
}

static bool is_arg_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!letter && (i == 0 || ((c < '0' || c > '9') && c != '.' && c != '-')))
			return false;
	}
	return s.len > 0;
}

static struct err *read_args(const struct invocation *in, struct arena *a,
			     struct executor_request *r)
{
	const struct option_values *given = option_all(in, "build-arg");
	struct graph_arg *v = arena_new_array(a, given->n, struct graph_arg);
	size_t n = 0;
	for (size_t i = 0; i < given->n; i++) {
		struct str value = str_of(given->v[i]), name = str_cut(&value, '=');
		if (!is_arg_name(name))
			return err_new(
				ERR_INVALID,
				"--build-arg %s: use NAME=VALUE, or NAME to take it from the environment",
				given->v[i]);
		if (!value.p) {
			const char *env = getenv(arena_strdup(a, name));
			if (!env)
				continue;
			value = str_of(env);
		}
		if (!str_is_utf8(value))
			return err_new(ERR_INVALID,
				       "--build-arg " STR_FMT ": its value is not UTF-8",
				       STR_ARG(name));
		v[n++] = (struct graph_arg){ arena_str(a, name), arena_str(a, value) };
	}
	r->args = v;
	r->n_args = n;
	return NULL;
}

/* SPEC reproducible-builds.org "SOURCE_DATE_EPOCH" */
static struct err *read_epoch(struct executor_request *r)
{
	const char *env = getenv("SOURCE_DATE_EPOCH");
	struct str text = str_of(env);
	for (size_t i = 0; i < r->n_args; i++)
		if (str_eq(r->args[i].name, STR("SOURCE_DATE_EPOCH")))
			text = r->args[i].value;
	uint64_t s;
	if (!text.len)
		return NULL;
	if (!str_to_u64(text, 253402300799, &s))
		return err_new(ERR_INVALID, "SOURCE_DATE_EPOCH=" STR_FMT ": use seconds since 1970",
			       STR_ARG(text));
	r->has_epoch = true;
	r->epoch_s = (int64_t)s;
	return NULL;
}

static struct err *read_tags(const struct invocation *in, struct arena *a, struct inputs *out)
{
	const struct option_values *given = option_all(in, "tag");
	out->tags = arena_new_array(a, given->n, struct oci_reference);
	for (size_t i = 0; i < given->n; i++) {
		struct oci_reference *ref = &out->tags[i];
		struct str text = str_of(given->v[i]);
		TRY(err_wrap(out->push ? oci_reference_parse(text, ref)
				       : oci_reference_parse_local(text, ref),
			     "--tag %s", given->v[i]));
		if (ref->has_digest)
			return err_new(ERR_INVALID,
				       "--tag %s: a digest cannot be chosen, only a name and a tag",
				       given->v[i]);
	}
	out->n_tags = given->n;
	return NULL;
}

/* --- outputs -------------------------------------------------------------------------------- */

static bool is_file(const struct output *o)
{
	return o->kind == OUTPUT_OCI || o->kind == OUTPUT_DOCKER || o->kind == OUTPUT_TAR;
}

static bool to_stdout(const struct output *o)
{
	return is_file(o) && (!o->dest || strcmp(o->dest, "-") == 0);
}

static struct err *parse_output(struct str text, struct arena *a, struct output *o)
{
	static const struct {
		const char *name;
		enum output_kind kind;
	} kinds[] = { { "registry", OUTPUT_REGISTRY },
		      { "oci", OUTPUT_OCI },
		      { "docker", OUTPUT_DOCKER },
		      { "tar", OUTPUT_TAR },
		      { "local", OUTPUT_LOCAL } };
	bool typed = false;
	*o = (struct output){ .fd = -1, .dir_fd = -1 };
	if (str_eq(text, STR("-"))) {
		o->kind = OUTPUT_TAR;
		return NULL;
	}
	for (struct str rest = text; rest.p;) {
		struct str value = str_cut(&rest, ','), key = str_cut(&value, '=');
		if (str_eq(key, STR("dest")) && value.p) {
			o->dest = arena_strdup(a, value);
			continue;
		}
		if (!str_eq(key, STR("type")) || !value.p)
			return err_new(ERR_INVALID,
				       "use type=oci|docker|tar|local|registry[,dest=PATH]");
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
			if (str_eq(value, str_of(kinds[i].name))) {
				o->kind = kinds[i].kind;
				typed = true;
			}
		if (!typed)
			return err_new(ERR_INVALID,
				       "type " STR_FMT
				       " is unknown: use oci, docker, tar, local or registry",
				       STR_ARG(value));
	}
	if (!typed)
		return err_new(ERR_INVALID, "it needs type=oci|docker|tar|local|registry");
	return NULL;
}

static struct err *check_output(const struct output *o)
{
	if (o->kind == OUTPUT_REGISTRY && o->dest)
		return err_new(ERR_INVALID,
			       "type=registry goes where --tag says: it takes no dest");
	if (o->kind == OUTPUT_LOCAL && !o->dest)
		return err_new(ERR_INVALID, "type=local needs dest=DIRECTORY");
	if (o->dest && !o->dest[0])
		return err_new(ERR_INVALID, "dest= names nothing");
	if (to_stdout(o) && isatty(STDOUT_FILENO))
		return err_new(ERR_INVALID,
			       "an archive is not for a terminal: name a file with dest=PATH");
	if (is_file(o) && o->dest && str_ends(str_of(o->dest), STR("/")))
		return err_new(ERR_INVALID, "dest=%s names a directory, and this output is a file",
			       o->dest);
	return NULL;
}

/* Paths are compared as they are written, but for "./" and doubled slashes. */
static bool same_path(const char *a, const char *b)
{
	struct str x = str_of(a), y = str_of(b);
	if ((x.len && x.p[0] == '/') != (y.len && y.p[0] == '/'))
		return false;
	for (;;) {
		struct str p = STR(""), q = STR("");
		while (x.p && (!p.len || str_eq(p, STR("."))))
			p = str_cut(&x, '/');
		while (y.p && (!q.len || str_eq(q, STR("."))))
			q = str_cut(&y, '/');
		if (str_eq(p, STR(".")))
			p = STR("");
		if (str_eq(q, STR(".")))
			q = STR("");
		if (!str_eq(p, q))
			return false;
		if (!p.len)
			return true;
	}
}

static struct err *check_apart(const struct output *a, const struct output *b)
{
	if (to_stdout(a) && to_stdout(b))
		return err_new(ERR_INVALID, "two of --output go to standard output");
	if (!to_stdout(a) && !to_stdout(b) && a->dest && b->dest && same_path(a->dest, b->dest))
		return err_new(ERR_INVALID, "two of --output write dest=%s", b->dest);
	return NULL;
}

static struct err *read_outputs(const struct invocation *in, struct arena *a, struct inputs *out)
{
	const struct option_values *given = option_all(in, "output");
	out->outputs = arena_new_array(a, given->n, struct output);
	out->push = option_get(in, "push") != NULL;
	for (size_t i = 0; i < given->n; i++) {
		struct output *o = &out->outputs[i];
		TRY(err_wrap(parse_output(str_of(given->v[i]), a, o), "--output %s", given->v[i]));
		out->n_outputs++;
		out->push = out->push || o->kind == OUTPUT_REGISTRY;
		TRY(err_wrap(check_output(o), "--output %s", given->v[i]));
		if (o->kind == OUTPUT_DOCKER && out->request.n_targets > 1)
			return err_new(
				ERR_INVALID,
				"--output %s: Docker's archive holds one platform; use type=oci, or one --platform",
				given->v[i]);
		for (size_t k = 0; k < i; k++)
			TRY(check_apart(&out->outputs[k], o));
	}
	if (out->push && !option_all(in, "tag")->n)
		return err_new(ERR_INVALID, "pushing needs a name: --tag HOST/REPOSITORY:TAG");
	return NULL;
}

static struct err *open_output_file(struct output *o, struct arena *a)
{
	if (to_stdout(o)) {
		o->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		return o->fd < 0 ? err_from_errno(errno, "standard output") : NULL;
	}
	struct str dest = str_of(o->dest);
	ptrdiff_t slash = str_rchr(dest, '/');
	const char *dir = slash < 0    ? "."
			  : slash == 0 ? "/"
				       : arena_strdup(a, str_first(dest, (size_t)slash));
	o->name = arena_strdup(a, str_skip(dest, (size_t)(slash + 1)));
	o->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->dir_fd < 0)
		return err_from_errno(errno, "open directory %s", dir);
	struct stat st;
	if (fstatat(o->dir_fd, o->name, &st, 0) == 0 && S_ISDIR(st.st_mode))
		return err_new(ERR_INVALID, "dest=%s is a directory, and this output is a file",
			       o->dest);
	if (faccessat(o->dir_fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return err_from_errno(errno, "write in directory %s", dir);
	return NULL;
}

struct err *output_begin(struct output *o)
{
	if (!o->name)
		return NULL;
	o->tmp = mem_printf(".%s.%llx", o->name, (unsigned long long)time_mono_ns());
	o->fd = fd_open_nofollow(o->dir_fd, o->tmp, O_RDWR | O_CREAT | O_EXCL, 0644);
	return o->fd < 0 ? err_from_errno(errno, "write %s", o->dest) : NULL;
}

static struct err *open_output(struct output *o, struct arena *a)
{
	switch (o->kind) {
	case OUTPUT_REGISTRY:
		return NULL;
	case OUTPUT_LOCAL:
		return fd_make_dirs(AT_FDCWD, o->dest, 0755, &o->fd);
	case OUTPUT_OCI:
	case OUTPUT_DOCKER:
	case OUTPUT_TAR:
		return open_output_file(o, a);
	}
	return NULL;
}

static struct err *open_outputs(const struct invocation *in, struct arena *a, struct inputs *i)
{
	for (size_t k = 0; k < i->n_outputs; k++)
		TRY(err_wrap(open_output(&i->outputs[k], a), "--output %s",
			     option_all(in, "output")->v[k]));
	return NULL;
}

struct err *output_keep(struct output *o)
{
	if (!o->tmp)
		return NULL;
	if (renameat(o->dir_fd, o->tmp, o->dir_fd, o->name) < 0)
		return err_from_errno(errno, "write %s", o->dest);
	free(move(o->tmp));
	return NULL;
}

static void output_done(struct output *o)
{
	if (o->tmp)
		unlinkat(o->dir_fd, o->tmp, 0);
	free(o->tmp);
	fd_close_own(&o->fd);
	fd_close_own(&o->dir_fd);
}

/* --- context and Dockerfile ----------------------------------------------------------------- */

static struct err *check_context(const char *path)
{
	if (strstr(path, "://") || strncmp(path, "git@", 4) == 0)
		return err_new(
			ERR_INVALID,
			"%s: the build context must be a directory of this machine; clone it first",
			path);
	if (!path[0] || strcmp(path, "-") == 0)
		return err_new(ERR_INVALID,
			       "the build context \"%s\" is no directory: use . for this one",
			       path);
	return NULL;
}

static struct err *open_context(const char *path, struct inputs *out)
{
	out->context_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->context_fd < 0 && errno == ENOTDIR)
		return err_new(ERR_INVALID,
			       "build context %s is not a directory (name a Dockerfile with -f)",
			       path);
	if (out->context_fd < 0)
		return err_from_errno(errno, "build context %s", path);
	out->request.context_fd = out->context_fd;
	return NULL;
}

static struct err *no_dockerfile(const char *context)
{
	return err_new(ERR_NOT_FOUND, "there is no Dockerfile in %s (name another with -f)",
		       context);
}

/* "Dockerfile" of the context, which may not lead out of it. */
static struct err *open_default(const char *context, int context_fd, const char **name, int *fd)
{
	static const char *const names[] = { "Dockerfile", "dockerfile" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		*fd = fd_open_beneath(context_fd, names[i], O_RDONLY | O_NONBLOCK, 0);
		*name = names[i];
		if (*fd >= 0)
			return NULL;
		if (errno == EXDEV)
			return err_new(ERR_INVALID,
				       "%s/%s is a link that leads out of the build context",
				       context, names[i]);
		if (errno != ENOENT)
			return err_from_errno(errno, "open %s/%s", context, names[i]);
		struct stat st;
		if (fstatat(context_fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			return err_new(ERR_NOT_FOUND, "%s/%s is a link to a file that is not there",
				       context, names[i]);
	}
	return no_dockerfile(context);
}

static const char *kind_of(mode_t mode)
{
	return S_ISDIR(mode)    ? "a directory"
	       : S_ISFIFO(mode) ? "a pipe"
	       : S_ISSOCK(mode) ? "a socket"
				: "a device";
}

static struct err *check_regular(int fd, const char *name)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_from_errno(errno, "stat %s", name);
	return S_ISREG(st.st_mode)
		       ? NULL
		       : err_new(ERR_INVALID, "%s is %s, not a file", name, kind_of(st.st_mode));
}

/* Whatever -f names is read, as in -f <(generate); but a pipe that nobody writes to is not waited
 * for. */
static struct err *open_given(const char *given, int *fd)
{
	struct stat st;
	*fd = open(given, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return err_from_errno(errno, "open Dockerfile %s", given);
	if (fstat(*fd, &st) == 0 && S_ISDIR(st.st_mode))
		return err_new(ERR_INVALID, "the Dockerfile %s is a directory: name the file in it",
			       given);
	return NULL;
}

static struct err *read_dockerfile(const struct invocation *in, struct arena *a, struct inputs *out)
{
	const char *given = option_get(in, "file"), *name = given;
	own_fd fd = -1;
	if (!given) {
		TRY(open_default(in->args[0], out->context_fd, &name, &fd));
		TRY(check_regular(fd, name));
	} else if (strcmp(given, "-") == 0) {
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
		name = "Dockerfile";
	} else {
		TRY(open_given(given, &fd));
	}
	own_mem char *text = NULL;
	size_t len;
	TRY(err_wrap(fd_read_file(fd, LIMIT_DOCKERFILE_BYTES, &text, &len), "read %s", name));
	struct stat st;
	if (!len && given && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
		return err_new(ERR_INVALID, "the Dockerfile %s is a pipe that nothing came out of",
			       strcmp(given, "-") == 0 ? "on standard input" : given);
	out->request.dockerfile_name = name;
	out->request.dockerfile = arena_str(a, str_n(text, len));
	return NULL;
}

/* SPEC Dockerfile reference ".dockerignore file": the one beside the Dockerfile with its name wins.
 */
static struct err *read_ignore(const struct invocation *in, struct arena *a, struct inputs *out)
{
	const char *file = option_get(in, "file");
	const char *name =
		arena_printf(a, "%s.dockerignore",
			     file && strcmp(file, "-") != 0 ? file : out->request.dockerfile_name);
	own_fd fd = file ? open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
			 : fd_open_beneath(out->context_fd, name, O_RDONLY | O_NONBLOCK, 0);
	if (fd < 0) {
		name = ".dockerignore";
		fd = fd_open_beneath(out->context_fd, name, O_RDONLY | O_NONBLOCK, 0);
	}
	if (fd < 0 && errno == EXDEV)
		return err_new(ERR_INVALID, "%s is a link that leads out of the build context",
			       name);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? NULL
							   : err_from_errno(errno, "open %s", name);
	own_mem char *text = NULL;
	size_t len;
	TRY(check_regular(fd, name));
	TRY(err_wrap(fd_read_file(fd, LIMIT_DOCKERIGNORE_BYTES, &text, &len), "read %s", name));
	out->request.ignore_name = name;
	out->request.ignore = arena_str(a, str_n(text, len));
	return NULL;
}

static const char *context_id(struct arena *a, const char *path)
{
	char real[PATH_MAX];
	if (!realpath(path, real))
		return NULL;
	struct sha256_sum sum = sha256_of(real, strlen(real));
	char hex[2 * SHA256_BYTES + 1];
	hex_encode(sum.b, sizeof(sum.b), hex);
	return arena_strdup(a, str_n(hex, 32));
}

static struct err *read_jobs(const struct invocation *in, struct inputs *out)
{
	const char *given = option_get(in, "jobs");
	uint64_t jobs = 0;
	if (given && (!str_to_u64(str_of(given), 256, &jobs) || !jobs))
		return err_new(ERR_INVALID, "--jobs %s: use a number from 1 to 256", given);
	out->jobs = (unsigned)jobs;
	return NULL;
}

static struct err *read_target(const struct invocation *in, struct inputs *out)
{
	const char *given = option_get(in, "target");
	if (given && !given[0])
		return err_new(ERR_INVALID, "--target is empty: name a stage");
	out->request.target_stage = str_of(given);
	return NULL;
}

static struct err *read_words(const struct invocation *in, struct arena *a, struct inputs *i)
{
	TRY(inputs_platforms(in, a, (struct oci_platform **)&i->request.targets,
			     &i->request.n_targets));
	TRY(read_args(in, a, &i->request));
	TRY(read_epoch(&i->request));
	TRY(read_jobs(in, i));
	TRY(read_target(in, i));
	TRY(read_outputs(in, a, i));
	TRY(read_tags(in, a, i));
	TRY(check_context(in->args[0]));
	i->request.no_cache = option_get(in, "no-cache") != NULL;
	const char *compression = option_get(in, "compression");
	i->request.compression =
		compression && strcmp(compression, "zstd") == 0 ? SQUEEZE_ZSTD : SQUEEZE_GZIP;
	return NULL;
}

static struct err *open_all(const struct invocation *in, struct arena *a, struct inputs *i)
{
	TRY(open_context(in->args[0], i));
	TRY(read_dockerfile(in, a, i));
	TRY(read_ignore(in, a, i));
	TRY(open_outputs(in, a, i));
	i->request.context_id = context_id(a, in->args[0]);
	return NULL;
}

static struct err *done_if(struct err *e, struct inputs *i)
{
	if (e)
		inputs_done(i);
	return e;
}

struct err *inputs_read(const struct invocation *in, struct arena *a, struct inputs *out)
{
	*out = (struct inputs){ .context_fd = -1, .request = { .context_fd = -1 } };
	return done_if(read_words(in, a, out), out);
}

struct err *inputs_open(const struct invocation *in, struct arena *a, struct inputs *i)
{
	return done_if(open_all(in, a, i), i);
}

void inputs_done(struct inputs *i)
{
	for (size_t k = 0; k < i->n_outputs; k++)
		output_done(&i->outputs[k]);
	i->n_outputs = 0;
	fd_close_own(&i->context_fd);
}

#include "app/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

static struct err *default_path(char **out)
{
	const char *env = getenv("KILN_DATA");
	if (env && env[0]) {
		*out = mem_strdup(env);
		return NULL;
	}
	if (geteuid() == 0) {
		*out = mem_strdup("/var/lib/kiln");
		return NULL;
	}
	const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	if (xdg && xdg[0] == '/')
		*out = mem_printf("%s/kiln", xdg);
	else if (home && home[0] == '/')
		*out = mem_printf("%s/.local/share/kiln", home);
	else
		return err_new(ERR_INVALID,
			       "no home directory: say where to keep data with --data DIR");
	return NULL;
}

struct err *app_store_check(const struct invocation *in)
{
	const char *given = option_get(in, "data");
	return given && !given[0] ? err_new(ERR_INVALID, "--data is empty: name a directory")
				  : NULL;
}

struct err *app_store_locate(const char *path, char **out)
{
	own_mem char *chosen = NULL;
	if (path)
		chosen = mem_strdup(path);
	else
		TRY(default_path(&chosen));
	own_fd fd = -1;
	TRY(err_wrap(fd_make_dirs(AT_FDCWD, chosen, 0755, &fd),
		     "data directory %s (choose another with --data)", chosen));
	char real[PATH_MAX];
	if (!realpath(chosen, real))
		return err_from_errno(errno, "data directory %s", chosen);
	if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return err_from_errno(
			errno, "data directory %s is not writable (choose another with --data)",
			real);
	*out = mem_strdup(real);
	return NULL;
}

struct err *app_store_open(const char *path, struct app_store **out)
{
	own(app_store) s = mem_new(struct app_store);
	s->path = mem_strdup(path);
	s->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0)
		return err_from_errno(errno, "data directory %s", path);
	own_mem char *db_path = mem_printf("%s/kiln.db", path);
	TRY(db_open(db_path, &s->db));
	TRY(blob_store_open(s->fd, &s->blobs));
	TRY(catalog_open(s->db, s->fd, &s->catalog));
	*out = move(s);
	return NULL;
}

void app_store_free(struct app_store *s)
{
	if (!s)
		return;
	catalog_free(s->catalog);
	blob_store_free(s->blobs);
	db_free(s->db);
	fd_close_own(&s->fd);
	free(s->path);
	free(s);
}

#include "executor/passwd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/fd.h"

#define FILE_BYTES ((size_t)4 << 20)

/* An absent file has no lines. */
static struct err *read_lines(int root_fd, const char *path, char **text, size_t *len)
{
	own_fd fd = root_fd < 0
			    ? -1
			    : fd_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0) {
		if (root_fd >= 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			return err_from_errno(errno, "open /%s of the image", path);
		*text = mem_strdup("");
		*len = 0;
		return NULL;
	}
	return err_wrap(fd_read_file(fd, FILE_BYTES, text, len), "read /%s of the image", path);
}

static bool id_of(struct str s, uint32_t *id)
{
	uint64_t n;
	if (!str_to_u64(s, UINT32_MAX - 1, &n))
		return false;
	*id = (uint32_t)n;
	return true;
}

enum { FIELDS = 7 };

static size_t split(struct str line, struct str *fields)
{
	size_t n = 0;
	while (line.p && n < FIELDS)
		fields[n++] = str_cut(&line, ':');
	for (size_t i = n; i < FIELDS; i++)
		fields[i] = STR("");
	return n;
}

/* The name wins over the number, as a user may be called "1000". */
static bool find_user(struct str text, struct str user, struct str *fields)
{
	uint32_t want = 0, uid;
	bool number = id_of(user, &want);
	for (int pass = 0; pass < (number ? 2 : 1); pass++) {
		for (struct str rest = text; rest.p;) {
			if (split(str_cut(&rest, '\n'), fields) < 4)
				continue;
			if (pass == 0 ? str_eq(fields[0], user)
				      : id_of(fields[2], &uid) && uid == want)
				return true;
		}
	}
	return false;
}

struct err *passwd_group(int root_fd, struct str group, uint32_t *gid)
{
	own_mem char *text = NULL;
	size_t len;
	TRY(read_lines(root_fd, "etc/group", &text, &len));
	for (struct str rest = str_n(text, len); rest.p;) {
		struct str fields[FIELDS];
		if (split(str_cut(&rest, '\n'), fields) >= 3 && str_eq(fields[0], group) &&
		    id_of(fields[2], gid))
			return NULL;
	}
	if (id_of(group, gid))
		return NULL;
	return err_new(ERR_NOT_FOUND, "group " STR_FMT " is not in the image's /etc/group",
		       STR_ARG(group));
}

static bool has_member(struct str members, struct str name)
{
	while (members.p)
		if (str_eq(str_cut(&members, ','), name))
			return true;
	return false;
}

static struct err *add_groups(int root_fd, struct str name, struct passwd_user *u)
{
	own_mem char *text = NULL;
	size_t len, cap = 0;
	TRY(read_lines(root_fd, "etc/group", &text, &len));
	for (struct str rest = str_n(text, len); rest.p;) {
		struct str fields[FIELDS];
		uint32_t gid;
		if (split(str_cut(&rest, '\n'), fields) < 4 || !id_of(fields[2], &gid) ||
		    gid == u->gid || !has_member(fields[3], name))
			continue;
		mem_reserve_one(u->groups, u->n_groups, cap);
		u->groups[u->n_groups++] = gid;
	}
	return NULL;
}

static struct err *fill(int root_fd, struct str user, struct passwd_user *out)
{
	struct str group = user, name = str_cut(&group, ':'), fields[FIELDS];
	if (!name.len)
		name = STR("0");
	own_mem char *text = NULL;
	size_t len;
	TRY(read_lines(root_fd, "etc/passwd", &text, &len));
	bool known = find_user(str_n(text, len), name, fields);
	if (known && (!id_of(fields[2], &out->uid) || !id_of(fields[3], &out->gid)))
		return err_new(ERR_INVALID,
			       "the image's /etc/passwd has a bad line for user " STR_FMT,
			       STR_ARG(name));
	if (!known && !id_of(name, &out->uid))
		return err_new(ERR_NOT_FOUND, "user " STR_FMT " is not in the image's /etc/passwd",
			       STR_ARG(name));
	out->home = known && fields[5].len ? str_dup(fields[5]) : mem_strdup("/");
	if (group.p && group.len)
		return passwd_group(root_fd, group, &out->gid);
	return known ? add_groups(root_fd, fields[0], out) : NULL;
}

struct err *passwd_user(int root_fd, struct str user, struct passwd_user *out)
{
	struct passwd_user u = { .uid = 0 };
	struct err *e = fill(root_fd, user, &u);
	if (e)
		passwd_user_done(&u);
	else
		*out = u;
	return e;
}

void passwd_user_done(struct passwd_user *u)
{
	free(u->groups);
	free(u->home);
	*u = (struct passwd_user){ .uid = 0 };
}

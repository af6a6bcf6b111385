/* Users and groups of an image, from its own /etc/passwd and /etc/group. */
#ifndef KILN_EXECUTOR_PASSWD_H
#define KILN_EXECUTOR_PASSWD_H

#include "base/err.h"
#include "base/str.h"

struct passwd_user {
	uint32_t uid, gid;
	uint32_t *groups; /* owned; supplementary, from /etc/group; none when a group was given */
	size_t n_groups;
	char *home; /* owned; "/" when unknown */
};

/* "name", "uid", "name:group", "uid:gid" or "" (root) in the file system `root_fd` (-1: it has no
 * files). A number needs no entry; its group is the entry's, else 0. ERR_NOT_FOUND names the user
 * or group that is missing. */
struct err *passwd_user(int root_fd, struct str user, struct passwd_user *out);
void passwd_user_done(struct passwd_user *u);
/* A group by name or number. */
struct err *passwd_group(int root_fd, struct str group, uint32_t *gid);

#endif

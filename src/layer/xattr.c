#include "layer/layer_priv.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <sys/xattr.h>

#include "base/log.h"

bool layer_xattr_kept(const char *name)
{
	static const char *const dropped[] = {
		"user.",        "trusted.",     "security.selinux",
		"security.ima", "security.evm", "security.apparmor"
	};
	for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
		if (strncmp(name, dropped[i], strlen(dropped[i])) == 0)
			return false;
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tar_xattr *)a)->name, ((const struct tar_xattr *)b)->name);
}

/* One attribute's value, which may grow or go while it is read. */
static struct err *load_value(int fd, const char *name, char *value, size_t room, ssize_t *len)
{
	*len = fgetxattr(fd, name, value, room);
	if (*len >= 0 || errno == ENODATA || errno == EOPNOTSUPP)
		return NULL;
	if (errno == ERANGE)
		return err_new(ERR_LIMIT, "attribute %s is too long", name);
	return err_from_errno(errno, "read attribute %s", name);
}

static struct err *load_one(int fd, const char *name, struct layer_xattrs *out)
{
	char value[XATTR_SIZE_MAX];
	ssize_t len;
	TRY(load_value(fd, name, value, sizeof(value), &len));
	if (len < 0)
		return NULL;
	out->v = mem_grow(out->v, out->n + 1, sizeof(*out->v));
	out->v[out->n++] = (struct tar_xattr){
		.name = name,
		.value = str_n(mem_strndup(value, (size_t)len), (size_t)len),
	};
	return NULL;
}

struct err *layer_xattrs_load(int fd, struct layer_xattrs *out)
{
	*out = (struct layer_xattrs){ 0 };
	char names[4096];
	char *list = names;
	ssize_t len = flistxattr(fd, names, sizeof(names));
	if (len < 0 && errno == ERANGE) {
		list = out->mem = mem_zalloc(XATTR_LIST_MAX);
		len = flistxattr(fd, list, XATTR_LIST_MAX);
	}
	if (len < 0)
		return errno == EOPNOTSUPP ? NULL : err_from_errno(errno, "list attributes");
	if (len == 0)
		return NULL;
	if (!out->mem)
		list = out->mem = mem_strndup(names, (size_t)len);
	for (const char *name = list; name < list + len; name += strlen(name) + 1) {
		if (!layer_xattr_kept(name))
			continue;
		struct err *e = load_one(fd, name, out);
		if (e) {
			layer_xattrs_done(out);
			return e;
		}
	}
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_name);
	return NULL;
}

bool layer_xattrs_eq(const struct layer_xattrs *a, const struct layer_xattrs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].name, b->v[i].name) != 0 ||
		    !str_eq(a->v[i].value, b->v[i].value))
			return false;
	return true;
}

void layer_xattrs_done(struct layer_xattrs *x)
{
	for (size_t i = 0; i < x->n; i++)
		free((char *)x->v[i].value.p);
	free(x->v);
	free(x->mem);
	*x = (struct layer_xattrs){ 0 };
}

void layer_xattrs_set(int fd, const char *path, const struct tar_xattr *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!layer_xattr_kept(v[i].name) ||
		    fsetxattr(fd, v[i].name, v[i].value.p, v[i].value.len, 0) == 0)
			continue;
		log_debug("attribute left out", log_str("name", v[i].name), log_str("path", path),
			  log_str("error", strerrordesc_np(errno)));
	}
}

/* Reading tar. Headers that describe the next one (pax 'x', GNU 'L' and 'K') gather in `meta` until
 * the entry they belong to; what they say goes before what its header says. Strings of an entry
 * point into `meta`, `name` and `link`. */
#include "codec/tar.h"

#include <stdlib.h>

#include "base/limits.h"
#include "codec/tar_priv.h"

#define BUFFER_BYTES ((size_t)128 << 10)

enum numbers {
	HAS_SIZE = 1,
	HAS_UID = 2,
	HAS_GID = 4,
	HAS_MTIME = 8,
	HAS_MAJOR = 16,
	HAS_MINOR = 32
};

/* What the metadata before an entry says about it. */
struct overrides {
	unsigned has; /* enum numbers */
	struct tar_entry e;
	char *path, *link; /* into meta; NULL if not said */
};

struct tar_reader {
	struct reader *from; /* borrowed */
	uint64_t offset;     /* of the next byte that is given out */
	uint64_t left;       /* bytes of the current entry still to come */
	uint64_t padding;    /* behind them */
	bool ended;

	char *buffer; /* owned, BUFFER_BYTES */
	size_t at, filled;

	/* Owned, room for LIMIT_TAR_META_BYTES; never moves, so entries point into it. Pages that
	 * no metadata fills cost nothing. */
	char *meta;
	size_t meta_len;
	struct overrides said;
	struct tar_xattr *xattrs; /* owned */
	size_t n_xattrs, cap_xattrs;

	char name[sizeof(((struct tar_header *)0)->prefix) +
		  sizeof(((struct tar_header *)0)->name) + 2];
	char link[sizeof(((struct tar_header *)0)->linkname) + 1];
	struct tar_entry e;
};

struct tar_reader *tar_reader_open(struct reader *from)
{
	struct tar_reader *t = mem_new(struct tar_reader);
	t->from = from;
	t->buffer = mem_grow(NULL, BUFFER_BYTES, 1);
	return t;
}

void tar_reader_free(struct tar_reader *t)
{
	if (!t)
		return;
	free(t->buffer);
	free(t->meta);
	free(t->xattrs);
	free(t);
}

static struct err *corrupt(const struct tar_reader *t, const char *what)
{
	return err_new(ERR_CORRUPT, "tar archive at byte %llu: %s", (unsigned long long)t->offset,
		       what);
}

static struct err *truncated(const struct tar_reader *t)
{
	return corrupt(t, "ends in the middle of an entry");
}

static struct err *sparse(const struct tar_reader *t)
{
	return err_new(ERR_INVALID, "tar archive at byte %llu: sparse files are not read",
		       (unsigned long long)t->offset);
}

static struct err *fill(struct tar_reader *t)
{
	t->at = 0;
	t->filled = 0;
	return t->from->read(t->from, t->buffer, BUFFER_BYTES, &t->filled);
}

/* Up to `len` bytes; large pieces do not go through the buffer. */
static struct err *take(struct tar_reader *t, void *p, size_t len, size_t *got)
{
	if (t->at == t->filled && len >= BUFFER_BYTES) {
		TRY(t->from->read(t->from, p, len, got));
		t->offset += *got;
		return NULL;
	}
	if (t->at == t->filled)
		TRY(fill(t));
	size_t n = MIN(len, t->filled - t->at);
	memcpy(p, t->buffer + t->at, n);
	t->at += n;
	t->offset += n;
	*got = n;
	return NULL;
}

static struct err *take_full(struct tar_reader *t, void *p, size_t len, size_t *got)
{
	size_t n = 0;
	while (n < len) {
		size_t more;
		TRY(take(t, (char *)p + n, len - n, &more));
		if (!more)
			break;
		n += more;
	}
	*got = n;
	return NULL;
}

static struct err *skip(struct tar_reader *t, uint64_t len)
{
	while (len) {
		if (t->at == t->filled)
			TRY(fill(t));
		if (!t->filled)
			return truncated(t);
		size_t n = (size_t)MIN(len, (uint64_t)(t->filled - t->at));
		t->at += n;
		t->offset += n;
		len -= n;
	}
	return NULL;
}

static struct err *number_to(const struct tar_reader *t, const char *field, size_t width,
			     uint64_t max, const char *what, uint64_t *out)
{
	int64_t n;
	if (!tar_number(field, width, &n) || n < 0 || (uint64_t)n > max)
		return err_new(ERR_CORRUPT, "tar archive at byte %llu: bad %s",
			       (unsigned long long)t->offset, what);
	*out = (uint64_t)n;
	return NULL;
}

static struct err *number_u32(const struct tar_reader *t, const char *field, size_t width,
			      const char *what, uint32_t *out)
{
	uint64_t n;
	TRY(number_to(t, field, width, UINT32_MAX, what, &n));
	*out = (uint32_t)n;
	return NULL;
}

#define NUMBER_TO(t, h, field, max, out) \
	number_to(t, (h)->field, sizeof((h)->field), max, #field, out)
#define NUMBER_U32(t, h, field, out) number_u32(t, (h)->field, sizeof((h)->field), #field, out)

static bool is_zero(const struct tar_header *h)
{
	const char *p = (const char *)h;
	return p[0] == '\0' && memcmp(p, p + 1, sizeof(*h) - 1) == 0;
}

/* One block; `*end` at the end of the stream. */
static struct err *read_block(struct tar_reader *t, struct tar_header *h, bool *end)
{
	size_t got;
	TRY(take_full(t, h, sizeof(*h), &got));
	*end = got == 0;
	return got == 0 || got == sizeof(*h) ? NULL : truncated(t);
}

static struct err *read_header(struct tar_reader *t, struct tar_header *h, bool *end)
{
	TRY(skip(t, t->left));
	t->left = 0;
	TRY(skip(t, t->padding));
	t->padding = 0;
	TRY(read_block(t, h, end));
	if (*end)
		return NULL;
	if (is_zero(h)) {
		TRY(read_block(t, h, end));
		if (!*end && !is_zero(h))
			return corrupt(t, "a single zero block between entries");
		*end = true;
		return NULL;
	}
	t->offset -= sizeof(*h); /* errors name the header, not what is behind it */
	struct err *e =
		tar_checksum_matches(h) ? NULL : corrupt(t, "bad checksum, or no tar archive");
	t->offset += sizeof(*h);
	return e;
}

/* Appends the bytes of a metadata entry to `meta`, with a NUL behind them. */
static struct err *read_meta(struct tar_reader *t, const struct tar_header *h, struct str *out)
{
	uint64_t size;
	TRY(NUMBER_TO(t, h, size, INT64_MAX, &size));
	if (size >= LIMIT_TAR_META_BYTES - t->meta_len)
		return err_new(ERR_LIMIT,
			       "tar archive at byte %llu: an entry has more than %zu bytes of "
			       "metadata",
			       (unsigned long long)t->offset, LIMIT_TAR_META_BYTES);
	if (!t->meta)
		t->meta = mem_grow(NULL, LIMIT_TAR_META_BYTES, 1);
	char *p = t->meta + t->meta_len;
	size_t got;
	TRY(take_full(t, p, (size_t)size, &got));
	if (got < size)
		return truncated(t);
	p[got] = '\0';
	t->meta_len += got + 1;
	*out = str_n(p, got);
	return skip(t, tar_padding(size));
}

static struct err *read_long_name(struct tar_reader *t, const struct tar_header *h, char **out)
{
	struct str s;
	TRY(read_meta(t, h, &s));
	while (s.len && s.p[s.len - 1] == '\0')
		s.len--;
	if (!s.len || str_has_nul(s))
		return corrupt(t, "bad long name");
	*out = (char *)s.p; /* meta is ours to write */
	return NULL;
}

static bool parse_u32(struct str s, uint32_t *out)
{
	uint64_t n;
	if (!str_to_u64(s, UINT32_MAX, &n))
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool parse_size(struct str s, struct tar_entry *e)
{
	return str_to_u64(s, INT64_MAX, &e->size);
}

static bool parse_uid(struct str s, struct tar_entry *e)
{
	return parse_u32(s, &e->uid);
}

static bool parse_gid(struct str s, struct tar_entry *e)
{
	return parse_u32(s, &e->gid);
}

static bool parse_mtime(struct str s, struct tar_entry *e)
{
	return tar_time(s, &e->mtime_s, &e->mtime_ns);
}

static bool parse_major(struct str s, struct tar_entry *e)
{
	return parse_u32(s, &e->major);
}

static bool parse_minor(struct str s, struct tar_entry *e)
{
	return parse_u32(s, &e->minor);
}

static const struct {
	const char *key;
	enum numbers has;
	bool (*parse)(struct str s, struct tar_entry *e);
} number_records[] = {
	{ "size", HAS_SIZE, parse_size },
	{ "uid", HAS_UID, parse_uid },
	{ "gid", HAS_GID, parse_gid },
	{ "mtime", HAS_MTIME, parse_mtime },
	{ "SCHILY.devmajor", HAS_MAJOR, parse_major },
	{ "SCHILY.devminor", HAS_MINOR, parse_minor },
};

static void add_xattr(struct tar_reader *t, const char *name, struct str value)
{
	mem_reserve_one(t->xattrs, t->n_xattrs, t->cap_xattrs);
	t->xattrs[t->n_xattrs++] = (struct tar_xattr){ .name = name, .value = value };
}

static struct err *apply_number(struct tar_reader *t, struct str key, struct str value)
{
	for (size_t i = 0; i < ARRAY_LEN(number_records); i++) {
		if (!str_eq(key, str_of(number_records[i].key)))
			continue;
		t->said.has &= ~(unsigned)number_records[i].has;
		if (!value.len) /* takes back what was said */
			return NULL;
		t->said.has |= (unsigned)number_records[i].has;
		return number_records[i].parse(value, &t->said.e)
			       ? NULL
			       : corrupt(t, "bad number in a pax header");
	}
	return NULL; /* a record that does not concern us */
}

/* Both strings are NUL-terminated. */
static struct err *apply_record(struct tar_reader *t, struct str key, struct str value)
{
	static const struct str xattr = { "SCHILY.xattr.", 13 };
	if (str_starts(key, xattr)) {
		if (key.len == xattr.len)
			return corrupt(t, "an extended attribute without name");
		add_xattr(t, key.p + xattr.len, value);
		return NULL;
	}
	if (str_starts(key, STR("GNU.sparse.")))
		return sparse(t);
	bool path = str_eq(key, STR("path"));
	if (!path && !str_eq(key, STR("linkpath")))
		return apply_number(t, key, value);
	if (str_has_nul(value))
		return corrupt(t, "NUL in a name");
	*(path ? &t->said.path : &t->said.link) = value.len ? (char *)value.p : NULL;
	return NULL;
}

/* SPEC pax "pax Extended Header": "%d %s=%s\n", the length counting itself. */
static struct err *read_pax(struct tar_reader *t, const struct tar_header *h)
{
	struct str rest;
	TRY(read_meta(t, h, &rest));
	while (rest.len) {
		ptrdiff_t blank = str_chr(str_first(rest, 20), ' ');
		uint64_t len;
		if (blank <= 0 || !str_to_u64(str_first(rest, (size_t)blank), rest.len, &len) ||
		    len < (uint64_t)blank + 4 || rest.p[len - 1] != '\n')
			return corrupt(t, "bad record in a pax header");
		struct str value = str_n(rest.p + blank + 1, (size_t)len - (size_t)blank - 2);
		struct str key = str_cut(&value, '=');
		if (!value.p || !key.len || str_has_nul(key))
			return corrupt(t, "bad record in a pax header");
		((char *)key.p)[key.len] = '\0'; /* meta is ours to write */
		((char *)value.p)[value.len] = '\0';
		TRY(apply_record(t, key, value));
		rest = str_skip(rest, (size_t)len);
	}
	return NULL;
}

static struct err *skip_meta(struct tar_reader *t, const struct tar_header *h)
{
	struct str ignored;
	size_t before = t->meta_len;
	TRY(read_meta(t, h, &ignored));
	t->meta_len = before;
	return NULL;
}

/* Reads headers up to the one of an entry, or the end. */
static struct err *read_headers(struct tar_reader *t, struct tar_header *h, bool *end)
{
	for (;;) {
		TRY(read_header(t, h, end));
		if (*end)
			return t->meta_len ? corrupt(t, "ends behind a pax header or long name")
					   : NULL;
		switch (h->typeflag) {
		case 'x':
		case 'X': /* Solaris' first pax */
			TRY(read_pax(t, h));
			break;
		case 'g':
			TRY(skip_meta(t, h));
			break;
		case 'L':
			TRY(read_long_name(t, h, &t->said.path));
			break;
		case 'K':
			TRY(read_long_name(t, h, &t->said.link));
			break;
		default:
			return NULL;
		}
	}
}

static struct err *type_of(const struct tar_reader *t, char flag, enum tar_type *out)
{
	static const enum tar_type types[] = {
		TAR_FILE,  TAR_HARDLINK, TAR_SYMLINK, TAR_CHAR,
		TAR_BLOCK, TAR_DIR,      TAR_FIFO,    TAR_FILE, /* contiguous */
	};
	if (flag == 'S')
		return sparse(t);
	if (flag == '\0')
		flag = '0';
	if (flag < '0' || flag > '7')
		return err_new(ERR_INVALID,
			       "tar archive at byte %llu: entries of type 0x%02x are not read",
			       (unsigned long long)t->offset, (unsigned char)flag);
	*out = types[flag - '0'];
	return NULL;
}

/* The prefix exists in ustar only; GNU keeps other things there, star a shorter one. */
static char *header_name(struct tar_reader *t, const struct tar_header *h)
{
	size_t n = 0;
	if (memcmp(h->magic, "ustar", sizeof(h->magic)) == 0) {
		bool star = memcmp(h->rest + 8, "tar", 4) == 0;
		n = strnlen(h->prefix, star ? 131 : sizeof(h->prefix));
		memcpy(t->name, h->prefix, n);
		if (n)
			t->name[n++] = '/';
	}
	size_t len = strnlen(h->name, sizeof(h->name));
	memcpy(t->name + n, h->name, len);
	t->name[n + len] = '\0';
	return t->name;
}

static char *header_link(struct tar_reader *t, const struct tar_header *h)
{
	size_t len = strnlen(h->linkname, sizeof(h->linkname));
	memcpy(t->link, h->linkname, len);
	t->link[len] = '\0';
	return t->link;
}

static struct err *take_names(struct tar_reader *t, const struct tar_header *h)
{
	struct tar_entry *e = &t->e;
	char *path = t->said.path ?: header_name(t, h);
	size_t len = strlen(path);
	if (!len)
		return corrupt(t, "an entry without name");
	bool slash = path[len - 1] == '/';
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	e->path = path;
	if (slash && e->type == TAR_FILE) { /* how tar named directories before it had types */
		if (e->size)
			return corrupt(t, "a directory with bytes");
		e->type = TAR_DIR;
	}
	if (e->type != TAR_HARDLINK && e->type != TAR_SYMLINK)
		return NULL;
	e->link = t->said.link ?: header_link(t, h);
	return *e->link ? NULL : corrupt(t, "a link without target");
}

static struct err *take_numbers(struct tar_reader *t, const struct tar_header *h)
{
	const struct overrides *said = &t->said;
	struct tar_entry *e = &t->e;
	uint64_t mode;
	TRY(NUMBER_TO(t, h, mode, UINT32_MAX, &mode));
	e->mode = (uint32_t)mode & 07777;
	if (!(said->has & HAS_UID))
		TRY(NUMBER_U32(t, h, uid, &e->uid));
	if (!(said->has & HAS_GID))
		TRY(NUMBER_U32(t, h, gid, &e->gid));
	if (!(said->has & HAS_SIZE))
		TRY(NUMBER_TO(t, h, size, INT64_MAX, &e->size));
	if (!(said->has & HAS_MTIME) && !tar_number(h->mtime, sizeof(h->mtime), &e->mtime_s))
		return corrupt(t, "bad mtime");
	bool device = e->type == TAR_CHAR || e->type == TAR_BLOCK;
	if (!device)
		e->major = e->minor = 0;
	if (device && !(said->has & HAS_MAJOR))
		TRY(NUMBER_U32(t, h, devmajor, &e->major));
	if (device && !(said->has & HAS_MINOR))
		TRY(NUMBER_U32(t, h, devminor, &e->minor));
	if (e->type != TAR_FILE)
		e->size = 0; /* links and directories tell sizes of what is not in the archive */
	return NULL;
}

struct err *tar_reader_next(struct tar_reader *t, const struct tar_entry **e)
{
	struct tar_header h;
	t->meta_len = 0;
	t->n_xattrs = 0;
	t->said = (struct overrides){ .has = 0 };
	if (!t->ended)
		TRY(read_headers(t, &h, &t->ended));
	if (t->ended) {
		*e = NULL;
		return NULL;
	}
	enum tar_type type;
	TRY(type_of(t, h.typeflag, &type));
	t->e = t->said.e;
	t->e.type = type;
	TRY(take_numbers(t, &h));
	TRY(take_names(t, &h));
	t->e.xattrs = t->xattrs;
	t->e.n_xattrs = t->n_xattrs;
	t->left = t->e.size;
	t->padding = tar_padding(t->e.size);
	*e = &t->e;
	return NULL;
}

struct err *tar_reader_read(struct tar_reader *t, void *p, size_t len, size_t *got)
{
	size_t n = (size_t)MIN((uint64_t)len, t->left);
	*got = 0;
	if (!n)
		return NULL;
	TRY(take(t, p, n, &n));
	if (!n)
		return truncated(t);
	t->left -= n;
	*got = n;
	return NULL;
}

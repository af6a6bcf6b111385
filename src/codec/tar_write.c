#include "codec/tar.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "codec/tar_priv.h"

#define MOST_ID   07777777ull     /* what seven octal digits hold */
#define MOST_LONG 077777777777ull /* what eleven hold: below 8 GiB */

static const char zeros[2 * TAR_BLOCK_BYTES];

void tar_writer_init(struct tar_writer *t, struct writer *out)
{
	*t = (struct tar_writer){ .out = out };
}

/* All digits and a NUL; what does not fit is zero, because a pax record says it. */
static void octal(char *field, size_t width, uint64_t n)
{
	if (n >> (3 * (width - 1)))
		n = 0;
	for (size_t i = width - 1; i-- > 0; n >>= 3)
		field[i] = (char)('0' + (n & 7));
	field[width - 1] = '\0';
}

#define OCTAL(h, field, n) octal((h)->field, sizeof((h)->field), n)

static void finish_header(struct tar_header *h)
{
	unsigned sum = 0;
	memcpy(h->magic, "ustar", sizeof(h->magic));
	memcpy(h->version, "00", sizeof(h->version));
	memset(h->chksum, ' ', sizeof(h->chksum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += ((const unsigned char *)h)[i];
	octal(h->chksum, sizeof(h->chksum) - 1, sum); /* six digits, NUL, blank */
}

static bool is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* What stands in the header of a name that only pax can say: something for old readers. */
static void put_stand_in(char *field, size_t width, struct str s)
{
	for (size_t i = 0; i < MIN(width, s.len); i++)
		field[i] = (unsigned char)s.p[i] >= 0x80 ? '_' : s.p[i];
}

/* Cuts a path into prefix and name at the first slash that leaves a name short enough. */
static bool split_path(struct str path, struct str *prefix, struct str *name)
{
	struct tar_header h;
	*prefix = STR("");
	*name = path;
	if (!is_ascii(path))
		return false;
	if (path.len <= sizeof(h.name))
		return true;
	for (size_t i = MAX(path.len - 1 - sizeof(h.name), (size_t)1); i < path.len - 1; i++) {
		if (path.p[i] != '/')
			continue;
		*prefix = str_first(path, i);
		*name = str_skip(path, i + 1);
		return i <= sizeof(h.prefix);
	}
	return false;
}

/* SPEC pax "pax Extended Header": the length counts its own digits. */
static void add_record(struct buf *b, const char *key, struct str value)
{
	size_t rest = strlen(key) + value.len + 3, len = rest;
	for (size_t before = 0; len != before;) {
		before = len;
		len = rest + (size_t)snprintf(NULL, 0, "%zu", before);
	}
	buf_add_u64(b, len);
	buf_add_c(b, ' ');
	buf_add(b, str_of(key));
	buf_add_c(b, '=');
	buf_add(b, value);
	buf_add_c(b, '\n');
}

static void add_record_u64(struct buf *b, const char *key, uint64_t n)
{
	char text[24];
	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	add_record(b, key, str_of(text));
}

/* Second -13 and 500000000 ns is "-12.5". */
static void add_record_time(struct buf *b, int64_t s, uint32_t ns)
{
	char text[40];
	bool negative = s < 0;
	uint64_t whole = negative ? -(uint64_t)s : (uint64_t)s;
	if (negative && ns) {
		whole--;
		ns = 1000000000 - ns;
	}
	int len = snprintf(text, sizeof(text), "%s%llu.%09u", negative ? "-" : "",
			   (unsigned long long)whole, ns);
	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	add_record(b, "mtime", str_n(text, (size_t)len));
}

static struct err *add_xattr(struct buf *b, const struct tar_entry *e, const struct tar_xattr *x)
{
	if (!*x->name || strchr(x->name, '='))
		return err_new(ERR_INVALID,
			       "%s: the extended attribute \"%s\" has a name that tar cannot hold",
			       e->path, x->name);
	own_mem char *key = mem_printf("SCHILY.xattr.%s", x->name);
	add_record(b, key, x->value);
	return NULL;
}

/* All that the header cannot say. */
static struct err *add_records(struct buf *b, const struct tar_entry *e, struct str path,
			       bool path_fits)
{
	struct str link = str_of(e->link);
	struct tar_header h;
	bool link_fits = is_ascii(link) && link.len <= sizeof(h.linkname);
	if ((!path_fits && !str_is_utf8(path)) || (!link_fits && !str_is_utf8(link)))
		add_record(b, "hdrcharset", STR("BINARY"));
	if (!path_fits)
		add_record(b, "path", path);
	if (!link_fits)
		add_record(b, "linkpath", link);
	if (e->size > MOST_LONG)
		add_record_u64(b, "size", e->size);
	if (e->uid > MOST_ID)
		add_record_u64(b, "uid", e->uid);
	if (e->gid > MOST_ID)
		add_record_u64(b, "gid", e->gid);
	if (e->mtime_s < 0 || e->mtime_ns || (uint64_t)e->mtime_s > MOST_LONG)
		add_record_time(b, e->mtime_s, e->mtime_ns);
	for (size_t i = 0; i < e->n_xattrs; i++)
		TRY(add_xattr(b, e, &e->xattrs[i]));
	return NULL;
}

static struct err *write_pax(struct tar_writer *t, struct buf *records)
{
	own_mem char *text = NULL;
	size_t len;
	TRY(buf_finish(records, &text, &len));
	struct tar_header h = { .name = "PaxHeader", .typeflag = 'x' };
	OCTAL(&h, mode, 0644);
	OCTAL(&h, uid, 0);
	OCTAL(&h, gid, 0);
	OCTAL(&h, size, len);
	OCTAL(&h, mtime, 0);
	OCTAL(&h, devmajor, 0);
	OCTAL(&h, devminor, 0);
	finish_header(&h);
	TRY(t->out->write(t->out, &h, sizeof(h)));
	TRY(t->out->write(t->out, text, len));
	size_t padding = (size_t)tar_padding(len);
	return padding ? t->out->write(t->out, zeros, padding) : NULL;
}

static struct err *check_entry(const struct tar_writer *t, const struct tar_entry *e)
{
	bool is_link = e->type == TAR_HARDLINK || e->type == TAR_SYMLINK;
	if (t->left)
		return err_new(ERR_INVALID, "tar: %llu bytes of the file before %s are missing",
			       (unsigned long long)t->left, e->path);
	if (!*e->path || (is_link && (!e->link || !*e->link)))
		return err_new(ERR_INVALID, "tar: an entry without name or target");
	if (e->size > INT64_MAX || (e->size && e->type != TAR_FILE))
		return err_new(ERR_INVALID, "tar: bad size of %s", e->path);
	if (e->mtime_ns > 999999999 || e->major > MOST_ID || e->minor > MOST_ID)
		return err_new(ERR_INVALID, "tar: bad time or device number of %s", e->path);
	return NULL;
}

/* Where the path of an entry goes. */
struct place {
	struct str path;         /* with the slash of a directory */
	struct str prefix, name; /* when `fits` */
	bool fits;
};

static struct err *write_header(struct tar_writer *t, const struct tar_entry *e,
				const struct place *at)
{
	static const char flags[] = {
		[TAR_FILE] = '0',  [TAR_HARDLINK] = '1', [TAR_SYMLINK] = '2', [TAR_CHAR] = '3',
		[TAR_BLOCK] = '4', [TAR_DIR] = '5',      [TAR_FIFO] = '6',
	};
	struct tar_header h = { .typeflag = flags[e->type] };
	if (at->fits) {
		memcpy(h.prefix, at->prefix.p, at->prefix.len);
		memcpy(h.name, at->name.p, at->name.len);
	} else {
		put_stand_in(h.name, sizeof(h.name), at->path);
	}
	put_stand_in(h.linkname, sizeof(h.linkname), str_of(e->link));
	OCTAL(&h, mode, e->mode & 07777);
	OCTAL(&h, uid, e->uid);
	OCTAL(&h, gid, e->gid);
	OCTAL(&h, size, e->size);
	OCTAL(&h, mtime, e->mtime_s < 0 ? 0 : (uint64_t)e->mtime_s);
	OCTAL(&h, devmajor, e->major);
	OCTAL(&h, devminor, e->minor);
	finish_header(&h);
	return t->out->write(t->out, &h, sizeof(h));
}

struct err *tar_writer_entry(struct tar_writer *t, const struct tar_entry *e)
{
	TRY(check_entry(t, e));
	own_mem char *with_slash = NULL;
	struct place at = { .path = str_of(e->path) };
	if (e->type == TAR_DIR && !str_ends(at.path, STR("/"))) {
		with_slash = mem_printf("%s/", e->path);
		at.path = str_of(with_slash);
	}
	at.fits = split_path(at.path, &at.prefix, &at.name);

	done(buf) records;
	buf_init(&records, LIMIT_TAR_META_BYTES - 1);
	TRY(add_records(&records, e, at.path, at.fits));
	if (records.len)
		TRY(err_wrap(write_pax(t, &records), "tar: metadata of %s", e->path));
	TRY(write_header(t, e, &at));
	t->left = e->size;
	t->padding = tar_padding(e->size);
	return NULL;
}

struct err *tar_writer_data(struct tar_writer *t, const void *p, size_t len)
{
	if (len > t->left)
		return err_new(ERR_INVALID, "tar: more bytes than the header says");
	if (!len)
		return NULL;
	TRY(t->out->write(t->out, p, len));
	t->left -= len;
	if (t->left || !t->padding)
		return NULL;
	size_t padding = (size_t)t->padding;
	t->padding = 0;
	return t->out->write(t->out, zeros, padding);
}

struct err *tar_writer_finish(struct tar_writer *t)
{
	if (t->left)
		return err_new(ERR_INVALID, "tar: %llu bytes of the last file are missing",
			       (unsigned long long)t->left);
	return t->out->write(t->out, zeros, sizeof(zeros));
}

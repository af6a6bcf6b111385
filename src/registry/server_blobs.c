#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "registry/server_priv.h"

/* ---- conditions and ranges ---- */

bool registry_etag_matches(struct str header, const struct oci_digest_text *etag)
{
	while (header.p) {
		struct str v = str_trim(str_cut(&header, ','));
		if (str_starts(v, STR("W/")))
			v = str_skip(v, 2);
		if (v.len >= 2 && v.p[0] == '"' && v.p[v.len - 1] == '"')
			v = str_n(v.p + 1, v.len - 2);
		if (str_eq(v, STR("*")) || str_eq(v, str_of(etag->s)))
			return true;
	}
	return false;
}

struct http_reply *registry_not_modified(const struct oci_digest_text *etag)
{
	struct http_reply *r = http_reply_new(304, NULL, 0);
	http_reply_headerf(r, "ETag", "\"%s\"", etag->s);
	http_reply_header(r, "Docker-Content-Digest", etag->s);
	return r;
}

static enum registry_range suffix_range(uint64_t n, uint64_t size, uint64_t *first, uint64_t *len)
{
	if (!n || !size)
		return REGISTRY_RANGE_OUTSIDE;
	*len = MIN(n, size);
	*first = size - *len;
	return REGISTRY_RANGE_PART;
}

enum registry_range registry_range_parse(struct str header, uint64_t size, uint64_t *first,
					 uint64_t *len)
{
	uint64_t from, to = UINT64_MAX;
	if (!str_starts(header, STR("bytes=")))
		return REGISTRY_RANGE_WHOLE;
	struct str spec = str_trim(str_skip(header, STR("bytes=").len));
	if (str_chr(spec, ',') >= 0)
		return REGISTRY_RANGE_UNSUPPORTED;
	ptrdiff_t dash = str_chr(spec, '-');
	if (dash < 0)
		return REGISTRY_RANGE_WHOLE;
	struct str left = str_first(spec, (size_t)dash), right = str_skip(spec, (size_t)dash + 1);
	if (right.len && !str_to_u64(right, UINT64_MAX, &to))
		return REGISTRY_RANGE_WHOLE;
	if (!left.len)
		return right.len ? suffix_range(to, size, first, len) : REGISTRY_RANGE_WHOLE;
	if (!str_to_u64(left, UINT64_MAX, &from))
		return REGISTRY_RANGE_WHOLE;
	if (from >= size || to < from)
		return REGISTRY_RANGE_OUTSIDE;
	*first = from;
	*len = MIN(to, size - 1) - from + 1;
	return REGISTRY_RANGE_PART;
}

/* ---- GET, HEAD ---- */

static struct http_reply *described(struct http_reply *r, const struct oci_digest_text *etag)
{
	http_reply_header(r, "Content-Type", "application/octet-stream");
	/* Or a blob would be a script that the console's policy takes for its own. */
	http_reply_header(r, "X-Content-Type-Options", "nosniff");
	http_reply_header(r, "Docker-Content-Digest", etag->s);
	http_reply_headerf(r, "ETag", "\"%s\"", etag->s);
	http_reply_header(r, "Accept-Ranges", "bytes");
	http_reply_header(r, "Cache-Control", "max-age=31536000");
	return r;
}

static struct http_reply *part_or_whole(struct registry_call *c, int fd, uint64_t size,
					const struct oci_digest_text *etag)
{
	own_fd owned = fd;
	struct str range = c->range;
	uint64_t first = 0, len = size;
	if (c->if_range.p && !registry_etag_matches(c->if_range, etag))
		range = str_n(NULL, 0);
	struct http_reply *r = NULL;
	switch (registry_range_parse(range, size, &first, &len)) {
	case REGISTRY_RANGE_WHOLE:
		return described(http_reply_file(200, fd_move(&owned), 0, size), etag);
	case REGISTRY_RANGE_PART:
		r = http_reply_file(206, fd_move(&owned), first, len);
		http_reply_headerf(r, "Content-Range", "bytes %llu-%llu/%llu",
				   (unsigned long long)first, (unsigned long long)(first + len - 1),
				   (unsigned long long)size);
		return described(r, etag);
	case REGISTRY_RANGE_OUTSIDE:
		r = registry_error(416, "RANGE_INVALID", "the blob has %llu bytes",
				   (unsigned long long)size);
		http_reply_headerf(r, "Content-Range", "bytes */%llu", (unsigned long long)size);
		return r;
	case REGISTRY_RANGE_UNSUPPORTED:
		return registry_error(400, "UNSUPPORTED", "one range at a time");
	}
	abort();
}

static struct http_reply *unknown(struct registry_call *c)
{
	return registry_error(404, "BLOB_UNKNOWN", STR_FMT " has no blob " STR_FMT,
			      STR_ARG(c->repository), STR_ARG(str_first(c->reference, 200)));
}

static struct err *get(struct registry_call *c, struct http_reply **out)
{
	struct oci_digest d;
	bool linked;
	own_fd fd = -1;
	uint64_t size;
	TRY(oci_digest_parse(c->reference, &d));
	TRY(catalog_blob_linked(c->server->catalog, c->repository, &d, &linked));
	if (linked && c->method == HTTP_HEAD)
		TRY(catalog_blob_asked(c->server->catalog, c->repository, &d));
	struct err *e = linked ? blob_store_open_blob(c->server->store, &d, &fd, &size) : NULL;
	if (!linked || (e && e->kind == ERR_NOT_FOUND)) {
		err_free(e);
		*out = unknown(c);
		return NULL;
	}
	TRY(e);
	struct oci_digest_text etag = oci_digest_text(&d);
	if (registry_etag_matches(c->if_none_match, &etag)) {
		*out = registry_not_modified(&etag);
		return NULL;
	}
	*out = part_or_whole(c, fd_move(&fd), size, &etag);
	return NULL;
}

/* ---- DELETE: from the repository; the bytes go when nobody has them any more ---- */

static struct err *unlink_blob(struct registry_call *c, struct http_reply **out)
{
	struct oci_digest d;
	bool found;
	TRY(oci_digest_parse(c->reference, &d));
	TRY(catalog_blob_unlink(c->server->catalog, c->repository, &d, &found));
	if (found)
		registry_audit(c, "blob.delete", c->reference);
	*out = found ? http_reply_new(202, NULL, 0) : unknown(c);
	return NULL;
}

void registry_handle_blob(struct registry_call *c)
{
	struct oci_digest d;
	struct err *e = oci_digest_parse(c->reference, &d);
	if (!e) {
		registry_defer(c, c->method == HTTP_DELETE ? unlink_blob : get);
		return;
	}
	err_free(e);
	http_answer(c->x, c->method == HTTP_DELETE
				  ? unknown(c)
				  : registry_error(400, "DIGEST_INVALID", "not a digest: " STR_FMT,
						   STR_ARG(str_first(c->reference, 200))));
}

/* Lists: tags, repositories, referrers. */
#include <stdlib.h>

#include "codec/json.h"
#include "oci/reference.h"
#include "registry/server_priv.h"

#define MOST_FILTERS 64
#define PAGE_MOST    ((size_t)10000) /* names in one answer; more is cut to it */
#define LIST_BYTES   ((size_t)16 << 20)
/* Clients read at most 4 MiB of a page, and some read one page only. */
#define REFERRERS_PAGE_BYTES (((size_t)4 << 20) - ((size_t)64 << 10))
#define REFERRERS_MOST_BYTES (2 * LIMIT_REFERRERS_BYTES)

/* ---- pages ---- */

struct page {
	size_t n;
	struct str last;
};

static void defer_page(struct registry_call *c,
		       struct err *(*run)(struct registry_call *c, struct http_reply **out))
{
	struct str text;
	uint64_t n;
	struct page *p = arena_new(c->arena, struct page);
	p->n = PAGE_MOST;
	(void)http_query_get(c->x, STR("last"), &p->last);
	if (http_query_get(c->x, STR("n"), &text)) {
		if (!str_to_u64(text, UINT64_MAX, &n)) {
			http_answer(c->x, registry_error(400, "PAGINATION_NUMBER_INVALID",
							 "n is not a number"));
			return;
		}
		p->n = MIN(n, PAGE_MOST);
	}
	c->arg = p;
	registry_defer(c, run);
}

/* Names of repositories and tags need no escape in a URL. */
static void add_next(struct http_reply *r, const char *path, struct str name, const char *rest,
		     size_t n, const char *last)
{
	http_reply_headerf(r, "Link", "<%s" STR_FMT "%s?n=%zu&last=%s>; rel=\"next\"", path,
			   STR_ARG(name), rest, n, last);
}

static void add_names(struct buf *b, const char **names, size_t n)
{
	buf_add_c(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_add_c(b, ',');
		json_add_str(b, str_of(names[i]));
	}
	buf_add_c(b, ']');
}

static struct err *json_reply(struct buf *b, const char *type, struct http_reply **out)
{
	char *p;
	size_t len;
	TRY(buf_finish(b, &p, &len));
	*out = http_reply_new(200, p, len);
	http_reply_header(*out, "Content-Type", type);
	return NULL;
}

/* ---- tags ---- */

static struct err *list_tags(struct registry_call *c, struct http_reply **out)
{
	const struct page *page = c->arg;
	bool found;
	const char **tags = NULL;
	size_t n = 0;
	TRY(catalog_repository_exists(c->server->catalog, c->repository, &found));
	if (!found) {
		*out = registry_error(404, "NAME_UNKNOWN", "there is no repository " STR_FMT,
				      STR_ARG(c->repository));
		return NULL;
	}
	if (page->n)
		TRY(catalog_tag_list(c->server->catalog, c->arena, c->repository, page->last,
				     page->n + 1, &tags, &n));
	bool more = n > page->n;
	n = MIN(n, page->n);
	done(buf) b;
	buf_init(&b, LIST_BYTES);
	buf_add(&b, STR("{\"name\":"));
	json_add_str(&b, c->repository);
	buf_add(&b, STR(",\"tags\":"));
	add_names(&b, tags, n);
	buf_add_c(&b, '}');
	TRY(json_reply(&b, "application/json", out));
	if (more)
		add_next(*out, "/v2/", c->repository, "/tags/list", page->n, tags[n - 1]);
	return NULL;
}

/* ---- repositories ---- */

/* What is in no namespace is listed for administrators. */
static struct err *find_repositories(struct registry_call *c, struct str last, size_t n,
				     const char ***names, size_t *n_names)
{
	struct registry_server *s = c->server;
	if (!s->o.auth || registry_role_for(s, &c->who, STR("x")) == AUTH_ADMIN)
		return catalog_repository_list(s->catalog, c->arena, last, n, names, n_names);
	return catalog_image_pushed(s->catalog, c->arena, s->o.auth, &c->who, last, n, names,
				    n_names);
}

static struct err *list_repositories(struct registry_call *c, struct http_reply **out)
{
	const struct page *page = c->arg;
	const char **names = NULL;
	size_t n = 0;
	if (page->n)
		TRY(find_repositories(c, page->last, page->n + 1, &names, &n));
	bool more = n > page->n;
	n = MIN(n, page->n);
	done(buf) b;
	buf_init(&b, LIST_BYTES);
	buf_add(&b, STR("{\"repositories\":"));
	add_names(&b, names, n);
	buf_add_c(&b, '}');
	TRY(json_reply(&b, "application/json", out));
	if (more)
		add_next(*out, "/v2/_catalog", STR(""), "", page->n, names[n - 1]);
	return NULL;
}

void registry_handle_tags(struct registry_call *c)
{
	defer_page(c, list_tags);
}

void registry_handle_catalog(struct registry_call *c)
{
	defer_page(c, list_repositories);
}

/* ---- referrers ---- */

struct referrers {
	struct registry_call *call;
	struct oci_digest subject;
	struct str filters[MOST_FILTERS];
	size_t n_filters;
	struct oci_descriptor *list; /* in the arena */
	size_t n;
	bool more;
	struct buf b;
	size_t n_written;
};

/* Several artifactType parameters mean any of them; with too many we do not filter, as a registry
 * may. */
static void read_filters(struct referrers *l)
{
	struct registry_call *c = l->call;
	struct str rest = http_exchange_query(c->x), name, value;
	while (http_query_next(c->arena, &rest, &name, &value)) {
		if (!str_eq(name, STR("artifactType")) || !value.len)
			continue;
		if (l->n_filters == MOST_FILTERS) {
			l->n_filters = 0;
			return;
		}
		for (char *p = (char *)value.p; p < value.p + value.len; p++)
			if (*p == ' ')
				*p = '+'; /* "a+json", sent without an escape */
		l->filters[l->n_filters++] = value;
	}
}

static bool passes(const struct referrers *l, const struct oci_descriptor *d)
{
	for (size_t i = 0; i < l->n_filters; i++)
		if (d->artifact_type && str_eq(l->filters[i], str_of(d->artifact_type)))
			return true;
	return !l->n_filters;
}

static void add_descriptor(struct referrers *l, const struct oci_descriptor *d)
{
	struct buf *b = &l->b;
	if (!passes(l, d))
		return;
	buf_add(b, l->n_written++ ? STR(",{\"mediaType\":") : STR("{\"mediaType\":"));
	json_add_str(b, str_of(d->media_type));
	buf_printf(b, ",\"digest\":\"%s\",\"size\":%llu", oci_digest_text(&d->digest).s,
		   (unsigned long long)d->size);
	if (d->artifact_type) {
		buf_add(b, STR(",\"artifactType\":"));
		json_add_str(b, str_of(d->artifact_type));
	}
	if (d->annotations_json) {
		buf_add(b, STR(",\"annotations\":"));
		buf_add(b, str_of(d->annotations_json));
	}
	buf_add_c(b, '}');
}

static bool listed(const struct referrers *l, const struct oci_digest *d)
{
	for (size_t i = 0; i < l->n; i++)
		if (oci_digest_eq(&l->list[i].digest, d))
			return true;
	return false;
}

/* The tag under which clients list referrers where a registry cannot.
 * SPEC distribution-spec "Referrers Tag Schema" */
static struct err *read_fallback(struct referrers *l, struct oci_document *doc, bool *found)
{
	struct registry_call *c = l->call;
	struct catalog_manifest m;
	char *body = NULL;
	size_t len;
	struct oci_digest_text text = oci_digest_text(&l->subject);
	char *tag = arena_strdup(c->arena, str_first(str_of(text.s), STR("sha256-").len + 64));
	*strchr(tag, ':') = '-';
	TRY(catalog_tag_get(c->server->catalog, c->repository, str_of(tag), found, &m));
	*found = *found && oci_is_index_type(str_of(m.media_type));
	if (!*found)
		return NULL;
	TRY(blob_store_read(c->server->store, &m.digest, LIMIT_MANIFEST_BYTES, &body, &len));
	struct err *e = oci_document_parse(c->arena, str_n(body, len), str_of(m.media_type), doc);
	free(body);
	return e;
}

/* What was pushed through something that does not know the referrers API is not forgotten.
 * SPEC distribution-spec "Enabling the Referrers API" */
static struct err *add_fallback(struct referrers *l)
{
	struct registry_call *c = l->call;
	struct oci_document doc;
	bool found;
	TRY(read_fallback(l, &doc, &found));
	for (size_t i = 0; found && i < doc.n_manifests; i++) {
		struct oci_descriptor *d = &doc.manifests[i];
		struct catalog_manifest m;
		bool known;
		TRY(catalog_manifest_get(c->server->catalog, c->repository, &d->digest, &known,
					 &m));
		if (known && !listed(l, &d->digest))
			add_descriptor(l, d);
	}
	return NULL;
}

static struct err *read_referrers(struct referrers *l, const struct oci_digest *last)
{
	struct registry_call *c = l->call;
	size_t max = REFERRERS_PAGE_BYTES;
	TRY(catalog_referrers_page(c->server->catalog, c->arena, c->repository, &l->subject, last,
				   max, &l->list, &l->n, &l->more));
	if (l->n || !l->more)
		return NULL;
	return catalog_referrers_page(c->server->catalog, c->arena, c->repository, &l->subject,
				      last, LIMIT_REFERRERS_BYTES, &l->list, &l->n, &l->more);
}

static struct err *write_referrers(struct referrers *l, bool first, struct http_reply **out)
{
	buf_add(&l->b,
		STR("{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":["));
	for (size_t i = 0; i < l->n; i++)
		add_descriptor(l, &l->list[i]);
	if (first)
		TRY(add_fallback(l));
	buf_add(&l->b, STR("]}"));
	TRY(json_reply(&l->b, OCI_TYPE_INDEX, out));
	if (l->n_filters)
		http_reply_header(*out, "OCI-Filters-Applied", "artifactType");
	return NULL;
}

/* The raw query without "last", so that filters stay. */
static void add_next_referrers(struct referrers *l, struct http_reply *r)
{
	struct registry_call *c = l->call;
	struct str rest = http_exchange_query(c->x);
	done(buf) b;
	buf_init(&b, LIMIT_URL_BYTES);
	while (rest.p) {
		struct str part = str_cut(&rest, '&');
		if (str_starts(part, STR("last=")) || str_chr(part, '>') >= 0)
			continue;
		buf_add(&b, part);
		buf_add_c(&b, '&');
	}
	own_mem char *kept = buf_steal(&b);
	http_reply_headerf(r, "Link", "</v2/" STR_FMT "/referrers/%s?%slast=%s>; rel=\"next\"",
			   STR_ARG(c->repository), oci_digest_text(&l->subject).s, kept ? kept : "",
			   oci_digest_text(&l->list[l->n - 1].digest).s);
}

static struct err *list_referrers(struct registry_call *c, struct http_reply **out)
{
	struct referrers l = { .call = c };
	struct str text;
	struct oci_digest last;
	bool behind = http_query_get(c->x, STR("last"), &text);
	TRY(oci_digest_parse(c->reference, &l.subject));
	if (behind)
		TRY(oci_digest_parse(text, &last));
	read_filters(&l);
	TRY(read_referrers(&l, behind ? &last : NULL));
	buf_init(&l.b, REFERRERS_MOST_BYTES);
	struct err *e = write_referrers(&l, !behind, out);
	buf_done(&l.b);
	if (!e && l.more && l.n)
		add_next_referrers(&l, *out);
	return e;
}

void registry_handle_referrers(struct registry_call *c)
{
	struct oci_digest d;
	struct err *e = oci_digest_parse(c->reference, &d);
	if (!e) {
		registry_defer(c, list_referrers);
		return;
	}
	err_free(e);
	http_answer(c->x, registry_error(400, "DIGEST_INVALID", "not a digest: " STR_FMT,
					 STR_ARG(str_first(c->reference, 200))));
}

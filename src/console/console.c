#include "console/console.h"

#include <stdlib.h>

#include "base/random.h"
#include "codec/io.h"
#include "console/accept_priv.h"

#define PAGE       "/index.html"
#define PAGE_BYTES ((size_t)1 << 20)
#define POLICY                                                                                  \
	"default-src 'none'; script-src 'self'; style-src 'self'%s%s%s; img-src 'self' data:; " \
	"connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'self'; "            \
	"frame-ancestors 'none'"

struct asset {
	const struct console_file *file;
	struct http_reply *packed;             /* as gzip */
	struct http_reply *same, *same_packed; /* 304 */
};

struct console {
	struct console_options o;
	struct asset *assets; /* owned; as o.files */
	char *page;           /* owned; with its placeholders; NULL: there is no console */
	struct http_reply *absent, *none, *method;
};

/* ---- answers ---- */

static void secure(struct http_reply *r, const char *nonce)
{
	http_reply_headerf(r, "Content-Security-Policy", POLICY, nonce ? " 'nonce-" : "",
			   nonce ? nonce : "", nonce ? "'" : "");
	http_reply_header(r, "X-Content-Type-Options", "nosniff");
	http_reply_header(r, "Referrer-Policy", "same-origin");
	http_reply_header(r, "X-Frame-Options", "DENY");
}

static struct http_reply *text_reply(unsigned status, const char *text)
{
	struct http_reply *r = http_reply_text(status, text);
	http_reply_header(r, "Cache-Control", "no-store");
	secure(r, NULL);
	return r;
}

static void describe(struct http_reply *r, const struct console_file *f, bool packed)
{
	bool hashed = str_starts(str_of(f->path), STR("/assets/"));
	http_reply_header(r, "Cache-Control",
			  hashed ? "public, max-age=31536000, immutable" : "no-cache");
	http_reply_headerf(r, "ETag", "\"%s%s\"", f->etag, packed ? "-gzip" : "");
	http_reply_header(r, "Vary", "Accept-Encoding");
	secure(r, NULL);
}

static struct http_reply *packed_reply(const struct console_file *f)
{
	struct http_reply *r = http_reply_borrowed(200, f->gzip, f->gzip_bytes);
	http_reply_header(r, "Content-Type", f->type);
	http_reply_header(r, "Content-Encoding", "gzip");
	describe(r, f, true);
	return r;
}

static struct err *inflate_file(const struct console_file *f, char **out)
{
	own(reader) packed = reader_mem(str_n((const char *)f->gzip, f->gzip_bytes));
	own(reader) r = NULL;
	size_t got;
	own_mem char *text = mem_zalloc(f->bytes + 1);
	TRY(reader_decompress(packed, f->bytes, &r));
	TRY(reader_full(r, text, f->bytes + 1, &got)); /* to the end, where the checksum is */
	if (got != f->bytes)
		return err_new(ERR_CORRUPT, "%s is cut off", f->path);
	*out = move(text);
	return NULL;
}

static void answer_inflated(void *arg, struct http_exchange *x)
{
	const struct console_file *f = arg;
	char *text = NULL;
	struct err *e = inflate_file(f, &text);
	if (e) {
		err_free(e);
		http_answer(x, text_reply(500, "The console is broken.\n"));
		return;
	}
	struct http_reply *r = http_reply_new(200, text, f->bytes);
	http_reply_header(r, "Content-Type", f->type);
	describe(r, f, false);
	http_answer(x, r);
}

static void answer_asset(struct asset *a, struct http_exchange *x)
{
	bool gzip = console_accepts_gzip(http_exchange_header(x, "Accept-Encoding"));
	if (console_has_tag(http_exchange_header(x, "If-None-Match"), str_of(a->file->etag)))
		http_answer(x, http_reply_ref(gzip ? a->same_packed : a->same));
	else if (gzip)
		http_answer(x, http_reply_ref(a->packed));
	else
		http_defer(x, answer_inflated, (void *)a->file);
}

/* ---- the page ---- */

static void fill(struct buf *b, const char *page, const char *base, const char *nonce)
{
	static const struct str names[] = { { "__KILN_BASE__", 13 }, { "__KILN_NONCE__", 14 } };
	struct str rest = str_of(page);
	for (;;) {
		const char *at = rest.len ? memmem(rest.p, rest.len, "__KILN_", 7) : NULL;
		if (!at)
			break;
		size_t before = (size_t)(at - rest.p);
		buf_add(b, str_first(rest, before));
		rest = str_skip(rest, before);
		size_t which = str_starts(rest, names[0]) ? 0 : 1;
		if (!str_starts(rest, names[which])) { /* another word */
			buf_add(b, str_first(rest, 1));
			rest = str_skip(rest, 1);
			continue;
		}
		buf_add(b, str_of(which ? nonce : base));
		rest = str_skip(rest, names[which].len);
	}
	buf_add(b, rest);
}

static void answer_page(struct console *c, struct http_exchange *x)
{
	struct buf b;
	struct random_secret nonce = random_secret("");
	const char *base = arena_printf(http_exchange_arena(x), "%s/", c->o.prefix);
	buf_init(&b, 2 * PAGE_BYTES);
	fill(&b, c->page, base, nonce.s);
	size_t len = b.len;
	struct http_reply *r = http_reply_new(200, buf_steal(&b), len);
	http_reply_header(r, "Content-Type", "text/html; charset=utf-8");
	http_reply_header(r, "Cache-Control", "no-cache");
	secure(r, nonce.s);
	http_answer(x, r);
}

/* ---- which ---- */

/* Others' paths below which nobody else answered: typing errors of a program, not of a person. */
static bool is_reserved(struct str path)
{
	static const char *const names[] = { "api",     "git",    "healthz", "hooks", "livez",
					     "metrics", "readyz", "token",   "v2" };
	struct str rest = str_skip(path, 1);
	struct str first = str_cut(&rest, '/');
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(first, str_of(names[i])))
			return true;
	return false;
}

static bool looks_like_file(struct str path)
{
	struct str name = str_skip(path, 1);
	return str_starts(path, STR("/assets/")) || str_starts(path, STR("/.well-known/")) ||
	       (str_chr(name, '/') < 0 && str_chr(name, '.') >= 0);
}

static struct asset *find(struct console *c, struct str path)
{
	for (size_t i = 0; i < c->o.n_files; i++)
		if (str_eq(path, str_of(c->o.files[i].path)) && !str_eq(path, STR(PAGE)))
			return &c->assets[i];
	return NULL;
}

/* NULL: `*file` or, when that is NULL too, the page. */
static struct http_reply *without_file(struct console *c, struct http_exchange *x,
				       struct asset **file)
{
	struct str path = http_exchange_path(x);
	enum http_method m = http_exchange_method(x);
	*file = find(c, path);
	bool is_page = str_eq(path, STR(PAGE)) || !looks_like_file(path);
	if (!str_starts(path, STR("/")) || is_reserved(path) || (!*file && !is_page))
		return c->none;
	if (!c->page && !str_eq(path, STR("/")))
		return c->none;
	if (m != HTTP_GET && m != HTTP_HEAD)
		return c->method;
	return c->page ? NULL : c->absent;
}

void console_handle(struct console *c, struct http_exchange *x)
{
	struct asset *a;
	struct http_reply *other = without_file(c, x, &a);
	if (other)
		http_answer(x, http_reply_ref(other));
	else if (a)
		answer_asset(a, x);
	else
		answer_page(c, x);
}

/* ---- life ---- */

static struct err *take_file(struct console *c, const struct console_file *f, struct asset *a)
{
	a->file = f;
	if (str_eq(str_of(f->path), STR(PAGE))) {
		if (f->bytes > PAGE_BYTES)
			return err_new(ERR_CORRUPT, "the page is too long");
		return inflate_file(f, &c->page);
	}
	a->packed = packed_reply(f);
	a->same = http_reply_new(304, NULL, 0);
	describe(a->same, f, false);
	a->same_packed = http_reply_new(304, NULL, 0);
	describe(a->same_packed, f, true);
	return NULL;
}

struct err *console_open(const struct console_options *o, struct console **out)
{
	own(console) c = mem_new(struct console);
	c->o = *o;
	c->assets = mem_new_array(o->n_files + 1, struct asset);
	c->absent =
		text_reply(200, "The web console is not part of this build of kiln. The registry "
				"is below /v2/, the API below /api/v1/.\n");
	c->none =
		text_reply(404, "There is nothing here. The registry is below /v2/, the API below "
				"/api/v1/.\n");
	c->method = text_reply(405, "This is the console, which has GET and HEAD.\n");
	http_reply_header(c->method, "Allow", "GET, HEAD");
	for (size_t i = 0; i < o->n_files; i++)
		TRY(err_wrap(take_file(c, &o->files[i], &c->assets[i]), "console"));
	if (o->n_files && !c->page)
		return err_new(ERR_CORRUPT, "the console has no " PAGE);
	*out = move(c);
	return NULL;
}

void console_free(struct console *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->o.n_files; i++) {
		http_reply_unref(c->assets[i].packed);
		http_reply_unref(c->assets[i].same);
		http_reply_unref(c->assets[i].same_packed);
	}
	http_reply_unref(c->absent);
	http_reply_unref(c->none);
	http_reply_unref(c->method);
	free(c->assets);
	free(c->page);
	free(c);
}

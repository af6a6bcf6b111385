/* The table of providers, and the way from a request to a delivery: proof first, then the event,
 * then the payload.
 *
 * Event and delivery id are headers that no provider signs. What they can do is small: a wrong
 * event makes the payload ignored, a wrong id makes the delivery a new one. */
#include "source/webhook_priv.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "base/limits.h"
#include "base/random.h"
#include "codec/sha256.h"

#define MOST 4

static const struct provider {
	const char *name, *path;
	struct webhook_proof proofs[MOST + 1];
	const char *events[MOST + 1], *keys[MOST + 1]; /* headers, in the order of preference */
	const char *ping;                              /* the event of a ping; NULL: has none */
	bool needs_event, form; /* form: the payload may come as application/x-www-form-urlencoded
				 */
	struct err *(*read)(struct webhook *w, json_t *j);
} providers[] = {
	[SOURCE_GITHUB] = { .name = "GITHUB",
			    .path = "github",
			    .proofs = { { "X-Hub-Signature-256", WEBHOOK_HMAC, "sha256=" } },
			    .events = { "X-GitHub-Event" },
			    .keys = { "X-GitHub-Delivery" },
			    .ping = "ping",
			    .needs_event = true,
			    .form = true,
			    .read = webhook_read_github },
	[SOURCE_GITLAB] = { .name = "GITLAB",
			    .path = "gitlab",
			    .proofs = { { "X-Gitlab-Token", WEBHOOK_TOKEN, "" },
					{ "webhook-signature", WEBHOOK_STANDARD, "" } },
			    .events = { "X-Gitlab-Event" },
			    .keys = { "webhook-id", "Idempotency-Key", "X-Gitlab-Event-UUID" },
			    .read = webhook_read_gitlab },
	[SOURCE_GITEA] = { .name = "GITEA",
			   .path = "gitea",
			   .proofs = { { "X-Gitea-Signature", WEBHOOK_HMAC, "" },
				       { "X-Forgejo-Signature", WEBHOOK_HMAC, "" },
				       { "X-Gogs-Signature", WEBHOOK_HMAC, "" },
				       { "X-Hub-Signature-256", WEBHOOK_HMAC, "sha256=" } },
			   .events = { "X-Gitea-Event", "X-Forgejo-Event", "X-Gogs-Event",
				       "X-GitHub-Event" },
			   .keys = { "X-Gitea-Delivery", "X-Forgejo-Delivery", "X-Gogs-Delivery",
				     "X-GitHub-Delivery" },
			   .ping = "ping",
			   .needs_event = true,
			   .form = true,
			   .read = webhook_read_github },
	[SOURCE_GITEE] = { .name = "GITEE",
			   .path = "gitee",
			   .proofs = { { "X-Gitee-Token", WEBHOOK_GITEE, "" } },
			   .events = { "X-Gitee-Event" },
			   .needs_event = true,
			   .read = webhook_read_github },
	[SOURCE_BITBUCKET] = { .name = "BITBUCKET",
			       .path = "bitbucket",
			       .proofs = { { "X-Hub-Signature", WEBHOOK_HMAC, "sha256=" } },
			       .events = { "X-Event-Key" },
			       .keys = { "X-Request-UUID" },
			       .ping = "diagnostics:ping",
			       .needs_event = true,
			       .read = webhook_read_bitbucket },
	[SOURCE_BITBUCKET_SERVER] = { .name = "BITBUCKET_SERVER",
				      .path = "bitbucket-server",
				      .proofs = { { "X-Hub-Signature", WEBHOOK_HMAC, "sha256=" } },
				      .events = { "X-Event-Key" },
				      .keys = { "X-Request-Id" },
				      .ping = "diagnostics:ping",
				      .needs_event = true,
				      .read = webhook_read_bitbucket_server },
	[SOURCE_CODEUP] = { .name = "CODEUP",
			    .path = "codeup",
			    .proofs = { { "X-Codeup-Token", WEBHOOK_TOKEN, "" } },
			    .events = { "Codeup-Event", "X-Codeup-Event" },
			    .read = webhook_read_gitlab },
	[SOURCE_GENERIC] = { .name = "GIT",
			     .path = "generic",
			     .proofs = { { "webhook-signature", WEBHOOK_STANDARD, "" },
					 { "Authorization", WEBHOOK_TOKEN, "Bearer " } },
			     .keys = { "webhook-id" },
			     .read = webhook_read_generic },
	[SOURCE_KILN] = { .name = "KILN" },
};

const char *const source_webhook_headers[] = {
	"Authorization",
	"X-Hub-Signature-256",
	"X-Hub-Signature",
	"X-GitHub-Event",
	"X-GitHub-Delivery",
	"X-Gitlab-Token",
	"X-Gitlab-Event",
	"X-Gitlab-Event-UUID",
	"Idempotency-Key",
	"webhook-signature",
	"webhook-id",
	"webhook-timestamp",
	"X-Gitea-Signature",
	"X-Gitea-Event",
	"X-Gitea-Delivery",
	"X-Forgejo-Signature",
	"X-Forgejo-Event",
	"X-Forgejo-Delivery",
	"X-Gogs-Signature",
	"X-Gogs-Event",
	"X-Gogs-Delivery",
	"X-Gitee-Token",
	"X-Gitee-Timestamp",
	"X-Gitee-Event",
	"X-Event-Key",
	"X-Request-UUID",
	"X-Request-Id",
	"X-Codeup-Token",
	"Codeup-Event",
	"X-Codeup-Event",
	NULL,
};

const char *source_provider_name(enum source_provider p)
{
	return providers[p].name;
}

const char *source_provider_path(enum source_provider p)
{
	return providers[p].path;
}

bool source_provider_parse(struct str name, enum source_provider *out)
{
	for (size_t i = 0; i < ARRAY_LEN(providers); i++) {
		if (str_eq(name, str_of(providers[i].name))) {
			*out = (enum source_provider)i;
			return true;
		}
	}
	return false;
}

char *source_webhook_secret(enum source_provider p)
{
	if (p != SOURCE_GITLAB && p != SOURCE_GENERIC)
		return mem_strdup(random_secret("kilnh_").s);
	unsigned char key[32], text[48];
	random_bytes(key, sizeof(key));
	EVP_EncodeBlock(text, key, sizeof(key));
	return mem_printf("whsec_%s", (const char *)text);
}

/* ---- headers ---- */

/* The first that is there and not empty. */
static struct str first_header(const struct source_headers *h, const char *const *names)
{
	for (; *names; names++) {
		struct str v = str_trim(h->get(h->arg, *names));
		if (v.len)
			return v;
	}
	return STR("");
}

const char *source_webhook_event(struct arena *a, enum source_provider p,
				 const struct source_headers *h)
{
	struct str v = first_header(h, providers[p].events);
	char *text = arena_strdup(a, str_first(v, LIMIT_WEBHOOK_KEY_BYTES));
	for (char *c = text; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	return text;
}

bool source_webhook_is_ping(enum source_provider p, const struct source_headers *h)
{
	return providers[p].ping &&
	       str_eq(first_header(h, providers[p].events), str_of(providers[p].ping));
}

static const char *key_of(const struct webhook *w, const struct provider *p)
{
	struct str v = first_header(w->headers, p->keys);
	bool good = v.len && v.len <= LIMIT_WEBHOOK_KEY_BYTES;
	for (size_t i = 0; good && i < v.len; i++)
		good = v.p[i] >= 0x20 && v.p[i] <= 0x7e;
	if (good)
		return arena_strdup(w->arena, v);
	char hex[2 * SHA256_BYTES + 1];
	hex_encode(sha256_of(w->body.p, w->body.len).b, SHA256_BYTES, hex);
	return arena_printf(w->arena, "sha256:%s", hex);
}

/* ---- the payload ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* GitHub's and Gitea's other coding: payload=… as a form has it. */
static void decode_form(struct str body, struct buf *out)
{
	struct str s = str_cut(&body, '&');
	for (size_t i = sizeof("payload=") - 1; i < s.len; i++) {
		int high = -1, low = -1;
		if (s.p[i] == '%' && i + 2 < s.len) {
			high = hex_digit(s.p[i + 1]);
			low = hex_digit(s.p[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			buf_add_c(out, (char)(high << 4 | low));
			i += 2;
		} else {
			buf_add_c(out, s.p[i] == '+' ? ' ' : s.p[i]);
		}
	}
}

static struct err *read_json(const struct webhook *w, const struct provider *p, json_t **out)
{
	if (p->form && str_starts(w->body, STR("payload="))) {
		done(buf) plain;
		buf_init(&plain, LIMIT_WEBHOOK_BYTES);
		decode_form(w->body, &plain);
		return json_read(buf_str(&plain), out);
	}
	/* "Something was pushed", said by curl. */
	if (!w->body.len && p == &providers[SOURCE_GENERIC])
		return json_read(STR("{}"), out);
	return json_read(w->body, out);
}

static struct err *read_payload(struct webhook *w, const struct provider *p)
{
	own_json j = NULL;
	TRY(read_json(w, p, &j));
	if (!json_is_object(j))
		return err_new(ERR_INVALID, "it is not a JSON object");
	return p->read(w, j);
}

static void finish(struct webhook *w)
{
	if (w->look_at_all || !w->n_changes)
		return;
	struct source_change *all = arena_new_array(w->arena, w->n_changes, struct source_change);
	memcpy(all, w->changes, w->n_changes * sizeof(*all));
	w->out->changes = all;
	w->out->n_changes = w->n_changes;
}

static struct err *bad_body(const struct provider *p, struct err *cause)
{
	struct err *e = err_coded(ERR_INVALID, "HOOK_BODY",
				  "Choose JSON as the webhook's content type, and its push events.",
				  "payload of a %s webhook", p->name);
	e->cause = cause;
	return e;
}

struct err *source_webhook_read(struct arena *a, enum source_provider provider,
				const struct source_headers *h, struct str body,
				const struct str *secrets, size_t n_secrets, int64_t now_s,
				struct source_delivery *out)
{
	const struct provider *p = &providers[provider];
	struct source_delivery d = { .kind = SOURCE_OTHER };
	struct webhook w = { .arena = a,
			     .headers = h,
			     .body = body,
			     .secrets = secrets,
			     .n_secrets = n_secrets,
			     .now_s = now_s,
			     .out = &d };
	if (!p->read)
		return err_coded(ERR_INVALID, "HOOK_NONE", "Push to it.",
				 "kiln's own remote has no webhooks");
	if (body.len > LIMIT_WEBHOOK_BYTES)
		return err_coded(ERR_LIMIT, "HOOK_LARGE", NULL,
				 "the payload is longer than %zu MiB", LIMIT_WEBHOOK_BYTES >> 20);
	TRY(webhook_verify(&w, p->proofs));
	d.event = source_webhook_event(a, provider, h);
	d.key = key_of(&w, p);
	if (p->needs_event && !*d.event)
		return bad_body(p, err_new(ERR_INVALID, "the header %s is missing", p->events[0]));
	struct err *e = NULL;
	if (source_webhook_is_ping(provider, h))
		d.kind = SOURCE_PING;
	else
		e = read_payload(&w, p);
	finish(&w);
	free(w.changes);
	if (e)
		return bad_body(p, e);
	*out = d;
	return NULL;
}

/* ---- for the readers ---- */

static bool is_commit(struct str s)
{
	if (s.len != 40 && s.len != 64)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
			return false;
	return true;
}

bool webhook_is_zero(struct str commit)
{
	for (size_t i = 0; i < commit.len; i++)
		if (commit.p[i] != '0')
			return false;
	return commit.len == 40 || commit.len == 64;
}

/* What could be one; the remote tells whether it is there. */
static bool is_ref(struct str ref)
{
	if (!str_starts(ref, STR("refs/heads/")) && !str_starts(ref, STR("refs/tags/")))
		return false;
	for (size_t i = 0; i < ref.len; i++)
		if ((unsigned char)ref.p[i] <= 0x20 || ref.p[i] == 0x7f)
			return false;
	return ref.p[ref.len - 1] != '/' && ref.len <= LIMIT_WEBHOOK_REF_BYTES;
}

void webhook_add(struct webhook *w, struct str ref, struct str commit, bool deleted, bool forced)
{
	if (!is_ref(ref))
		return;
	if (w->n_changes == LIMIT_WEBHOOK_CHANGES) {
		w->look_at_all = true;
		return;
	}
	bool known = !deleted && is_commit(commit) && !webhook_is_zero(commit);
	mem_reserve_one(w->changes, w->n_changes, w->cap_changes);
	w->changes[w->n_changes++] = (struct source_change){
		.ref = arena_strdup(w->arena, ref),
		.commit = known ? arena_strdup(w->arena, commit) : NULL,
		.deleted = deleted,
		.forced = forced,
	};
}

const char *webhook_person(struct webhook *w, json_t *j, const char *const *paths)
{
	for (; *paths; paths++) {
		struct str path = str_of(*paths);
		json_t *v = j;
		while (path.p && v) {
			struct str key = str_cut(&path, '.');
			v = json_object_getn(v, key.p, key.len);
		}
		if (!json_string_length(v) || json_string_length(v) > LIMIT_WEBHOOK_KEY_BYTES)
			continue;
		char *text = arena_strdup(w->arena, str_of(json_string_value(v)));
		for (char *c = text; *c; c++)
			if ((unsigned char)*c < 0x20 || *c == 0x7f)
				*c = '?';
		return text;
	}
	return NULL;
}

struct err *webhook_need_str(json_t *j, const char *key, struct str *out)
{
	struct str v = STR("");
	TRY(json_get_str(j, key, &v));
	if (!v.len)
		return err_new(ERR_INVALID, "\"%s\" is missing", key);
	*out = v;
	return NULL;
}

/* One table row per provider. Names in addresses are segments: decoded, looked at, encoded again.
 */
#include "source/status.h"

#include <stdlib.h>

#include "codec/json.h"
#include "codec/sha256.h"
#include "http/client.h"
#include "http/url.h"

#define MOST_PARTS    16
#define MESSAGE_BYTES 200
#define URL_BYTES     4096

enum place { /* how the path of a clone address names a repository */
	     PLACE_NONE,
	     PLACE_PAIR, /* /OWNER/NAME */
	     PLACE_TAIL, /* /BELOW/OWNER/NAME: the server is below a path */
	     PLACE_ALL,  /* /GROUP/…/NAME */
	     PLACE_SCM,  /* /BELOW/scm/PROJECT/NAME */
};

static const struct kind {
	enum place place;
	const char *cloud, *cloud_api; /* the host of the provider itself, and of its API */
	const char *api;               /* below the address of any other host */
	size_t context_max;
	bool needs_link;
	const char *states[5];
	const char *scope; /* what a token needs */
} kinds[] = {
	[SOURCE_GITHUB] = {
		.place = PLACE_PAIR,
		.cloud = "github.com",
		.cloud_api = "https://api.github.com",
		.api = "/api/v3",
		.context_max = 255,
		.states = { "pending", "pending", "success", "failure", "error" },
		.scope = "The token needs repo:status, or, if it is fine-grained, Commit statuses: "
			 "read and write on this repository.",
	},
	[SOURCE_GITLAB] = {
		.place = PLACE_ALL,
		.api = "/api/v4",
		.context_max = 255,
		.states = { "pending", "running", "success", "failed", "canceled" },
		.scope = "The token needs the scope api, and the role Developer in the project "
			 "(Maintainer where the branch is protected).",
	},
	[SOURCE_GITEA] = {
		.place = PLACE_TAIL,
		.api = "/api/v1",
		.context_max = 255,
		.states = { "pending", "pending", "success", "failure", "error" },
		.scope = "The token needs write:repository, and its user may write to the "
			 "repository.",
	},
	[SOURCE_BITBUCKET] = {
		.place = PLACE_PAIR,
		.cloud = "bitbucket.org",
		.cloud_api = "https://api.bitbucket.org/2.0",
		.api = "/2.0",
		.context_max = 40,
		.needs_link = true,
		.states = { "INPROGRESS", "INPROGRESS", "SUCCESSFUL", "FAILED", "STOPPED" },
		.scope = "The token needs Repositories: write.",
	},
	[SOURCE_BITBUCKET_SERVER] = {
		.place = PLACE_SCM,
		.api = "/rest/api/latest",
		.context_max = 255,
		.needs_link = true,
		/* CANCELLED is unknown to older ones */
		.states = { "INPROGRESS", "INPROGRESS", "SUCCESSFUL", "FAILED", "FAILED" },
		.scope = "The token needs to read the repository.",
	},
	[SOURCE_CODEUP] = {
		.place = PLACE_ALL,
		.cloud = "codeup.aliyun.com",
		.cloud_api = "https://openapi-rdc.aliyuncs.com/oapi/v1/codeup",
		.api = "/oapi/v1/codeup",
		.context_max = 50,
		.states = { "pending", "pending", "success", "failure", "error" },
		.scope = "The token is a personal access token that may read and write commit "
			 "statuses.",
	},
	[SOURCE_KILN] = { .place = PLACE_NONE },
};

static const char *const names[] = {
	[SOURCE_QUEUED] = "queued", [SOURCE_RUNNING] = "running",   [SOURCE_SUCCESS] = "success",
	[SOURCE_FAILED] = "failed", [SOURCE_CANCELED] = "canceled",
};

const char *source_state_name(enum source_state s)
{
	return names[s];
}

/* ---- addresses ---- */

struct parts { /* of a path, decoded */
	struct str v[MOST_PARTS];
	size_t n;
	size_t below; /* how many, the first ones, are a path that the server is at */
};

/* A name that is decoded is no step in a tree, and has no second one in it. */
static bool is_name(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c < 0x20 || c == 0x7f || c == '/' || c == '\\')
			return false;
	}
	return s.len && str_is_utf8(s) && !str_eq(s, STR(".")) && !str_eq(s, STR(".."));
}

static bool split(struct arena *a, const struct source_url *u, struct parts *out)
{
	struct str rest = str_of(u->path);
	*out = (struct parts){ .n = 0 };
	while (rest.p) {
		struct str part = str_cut(&rest, '/');
		if (!part.len)
			continue;
		if (out->n == MOST_PARTS)
			return false;
		out->v[out->n++] = part;
	}
	if (out->n && str_ends(out->v[out->n - 1], STR(".git")))
		out->v[out->n - 1].len -= 4;
	for (size_t i = 0; i < out->n; i++)
		if (!http_decode(a, out->v[i], false, &out->v[i]) || !is_name(out->v[i]))
			return false;
	return true;
}

/* The last two name the repository, or all. */
static bool find_place(const struct kind *k, struct parts *parts)
{
	size_t n = parts->n;
	switch (k->place) {
	case PLACE_NONE:
		return false;
	case PLACE_PAIR:
		return n == 2;
	case PLACE_ALL:
		return n >= 2;
	case PLACE_TAIL:
		parts->below = n >= 2 ? n - 2 : 0;
		return n >= 2;
	case PLACE_SCM:
		parts->below = n >= 3 ? n - 3 : 0;
		return n >= 3 && str_eq(parts->v[n - 3], STR("scm"));
	}
	return false;
}

static bool is_cloud(const struct kind *k, const struct source_url *u)
{
	return k->cloud && strcmp(u->host, k->cloud) == 0;
}

static void add_api(struct buf *b, const struct kind *k, const struct source_url *u,
		    const struct parts *parts)
{
	static const char data_residency[] = ".ghe.com"; /* SPEC GitHub Enterprise Cloud */
	if (is_cloud(k, u)) {
		buf_add(b, str_of(k->cloud_api));
		return;
	}
	if (k == &kinds[SOURCE_GITHUB] && str_ends(str_of(u->host), str_of(data_residency))) {
		buf_printf(b, "https://api.%s", u->host);
		return;
	}
	buf_printf(b, "%s://%s", u->scheme == SOURCE_HTTP ? "http" : "https", u->host);
	if (u->scheme != SOURCE_SSH && u->port != (u->scheme == SOURCE_HTTP ? 80 : 443))
		buf_printf(b, ":%u", u->port);
	for (size_t i = 0; i < parts->below; i++) {
		buf_add_c(b, '/');
		http_url_add_segment(b, parts->v[i]);
	}
	buf_add(b, str_of(k->api));
}

const char *source_status_api(struct arena *a, enum source_provider p, const struct source_url *u)
{
	struct parts parts;
	if (!split(a, u, &parts) || !find_place(&kinds[p], &parts))
		return NULL;
	done(buf) b;
	buf_init(&b, URL_BYTES);
	add_api(&b, &kinds[p], u, &parts);
	return arena_strdup(a, buf_str(&b));
}

/* GROUP%2F…%2FNAME */
static void add_all(struct buf *b, const struct parts *parts)
{
	for (size_t i = 0; i < parts->n; i++) {
		buf_add(b, i ? STR("%2F") : STR(""));
		http_url_add_segment(b, parts->v[i]);
	}
}

static void add_pair(struct buf *b, const struct parts *parts, const char *between)
{
	http_url_add_segment(b, parts->v[parts->n - 2]);
	buf_add(b, str_of(between));
	http_url_add_segment(b, parts->v[parts->n - 1]);
}

static void add_call(struct buf *b, const struct source_status *s, const struct parts *parts)
{
	switch (s->provider) {
	case SOURCE_GITHUB:
	case SOURCE_GITEA:
		buf_add(b, STR("/repos/"));
		add_pair(b, parts, "/");
		buf_printf(b, "/statuses/%s", s->commit);
		return;
	case SOURCE_GITLAB:
		buf_add(b, STR("/projects/"));
		add_all(b, parts);
		buf_printf(b, "/statuses/%s", s->commit);
		return;
	case SOURCE_BITBUCKET:
		buf_add(b, STR("/repositories/"));
		add_pair(b, parts, "/");
		buf_printf(b, "/commit/%s/statuses/build", s->commit);
		return;
	case SOURCE_BITBUCKET_SERVER:
		buf_add(b, STR("/projects/"));
		add_pair(b, parts, "/repos/");
		buf_printf(b, "/commits/%s/builds", s->commit);
		return;
	case SOURCE_CODEUP:
		if (is_cloud(&kinds[SOURCE_CODEUP], s->url)) { /* others have one organization */
			buf_add(b, STR("/organizations/"));
			http_url_add_segment(b, parts->v[0]);
		}
		buf_add(b, STR("/repositories/"));
		add_all(b, parts);
		buf_printf(b, "/commits/%s/statuses", s->commit);
		return;
	case SOURCE_GITEE:
	case SOURCE_GENERIC:
	case SOURCE_KILN:
		return;
	}
}

/* ---- bodies ---- */

/* What is too long ends in a mark of the whole, so that two do not become one. */
static const char *fit_context(struct arena *a, const char *s, size_t most)
{
	struct str all = str_of(s);
	if (all.len <= most)
		return s;
	struct sha256_sum sum = sha256_of(s, all.len);
	struct str head = str_first(all, most - 9);
	head = str_first(head, str_whole_chars(head));
	return arena_printf(a, STR_FMT "~%02x%02x%02x%02x", STR_ARG(head), sum.b[0], sum.b[1],
			    sum.b[2], sum.b[3]);
}

static void set(json_t *o, const char *name, struct str value)
{
	value = str_first(value, str_whole_chars(value));
	json_object_set_new(o, name, json_stringn(value.p, value.len));
}

static char *body_of(struct arena *a, const struct source_status *s)
{
	const struct kind *k = &kinds[s->provider];
	own_json o = json_object();
	struct str context = str_of(fit_context(a, s->context, k->context_max));
	struct str text = str_first(str_of(s->description), SOURCE_STATUS_TEXT);
	bool key = k->place == PLACE_SCM || s->provider == SOURCE_BITBUCKET;
	bool gitlab = s->provider == SOURCE_GITLAB, codeup = s->provider == SOURCE_CODEUP;
	set(o, "state", str_of(k->states[s->state]));
	set(o, key ? "key" : gitlab ? "name" : "context", context);
	if (key)
		set(o, "name", str_first(str_of(s->context), 255));
	if (s->link)
		set(o, key ? "url" : codeup ? "targetUrl" : "target_url", str_of(s->link));
	set(o, "description", text);
	if (gitlab)
		set(o, "ref", source_ref_short(str_of(s->ref)));
	if (k->place == PLACE_SCM)
		set(o, "ref", str_of(s->ref));
	return json_text(o);
}

/* ---- the request ---- */

static struct err *no_call(enum source_provider p)
{
	if (p == SOURCE_KILN)
		return err_coded(ERR_CONFLICT, "STATUS_PROVIDER",
				 "Builds are shown in the console, and told by outgoing webhooks.",
				 "kiln's own Git remote has nowhere to show the state of a commit");
	if (p == SOURCE_GENERIC)
		return err_coded(ERR_CONFLICT, "STATUS_PROVIDER",
				 "If it is of a provider that kiln knows, make a code source of "
				 "that provider; else use an outgoing webhook.",
				 "Git alone has no call for the state of a commit");
	return err_coded(ERR_CONFLICT, "STATUS_PROVIDER", "Use an outgoing webhook.",
			 "the provider has no public call for the state of a commit");
}

static struct err *check(struct arena *a, const struct source_status *s, struct parts *parts)
{
	const struct kind *k = &kinds[s->provider];
	if (k->place == PLACE_NONE)
		return no_call(s->provider);
	if (!s->token.len)
		return err_coded(ERR_CONFLICT, "STATUS_TOKEN",
				 "Give the code source an https:// address and an access token.",
				 "the code source has no access token");
	if (!split(a, s->url, parts) || !find_place(k, parts))
		return err_coded(ERR_CONFLICT, "STATUS_PATH",
				 "Look at the code source's provider and address.",
				 "the code source's address names no repository of this provider");
	if (k->needs_link && !s->link)
		return err_coded(ERR_CONFLICT, "STATUS_LINK",
				 "Who runs the server can set it: kiln serve --external-url.",
				 "the provider wants a link, and the server does not know its own "
				 "public address");
	return NULL;
}

struct err *source_status_check(struct arena *a, const struct source_status *s)
{
	struct parts parts;
	return check(a, s, &parts);
}

static const char *basic(struct arena *a, const char *username, struct str token)
{
	own_mem char *value = http_basic(str_of(username), token);
	const char *kept = arena_strdup(a, str_of(value));
	explicit_bzero(value, strlen(value));
	return kept;
}

static void set_token(struct arena *a, const struct source_status *s,
		      struct source_status_request *out)
{
	const char *user = s->username ? s->username : "";
	bool bitbucket = s->provider == SOURCE_BITBUCKET || s->provider == SOURCE_BITBUCKET_SERVER;
	if (s->provider == SOURCE_GITLAB)
		out->header = arena_printf(a, "PRIVATE-TOKEN: " STR_FMT, STR_ARG(s->token));
	else if (s->provider == SOURCE_CODEUP)
		out->header = arena_printf(a, "x-yunxiao-token: " STR_FMT, STR_ARG(s->token));
	else if (bitbucket && *user && strcmp(user, "x-token-auth") != 0)
		out->authorization = basic(a, user, s->token); /* an app password */
	else
		out->authorization = arena_printf(a, "%s " STR_FMT,
						  s->provider == SOURCE_GITEA ? "token" : "Bearer",
						  STR_ARG(s->token));
}

struct err *source_status_request(struct arena *a, const struct source_status *s,
				  struct source_status_request *out)
{
	struct parts parts;
	struct source_status_request r = { .url = NULL };
	TRY(check(a, s, &parts));
	done(buf) url;
	buf_init(&url, URL_BYTES);
	add_api(&url, &kinds[s->provider], s->url, &parts);
	add_call(&url, s, &parts);
	if (url.over)
		return err_coded(ERR_CONFLICT, "STATUS_PATH", NULL,
				 "the address of the commit at the provider is too long");
	own_mem char *body = body_of(a, s);
	r.url = arena_strdup(a, buf_str(&url));
	r.body = arena_strdup(a, str_of(body));
	set_token(a, s, &r);
	*out = r;
	return NULL;
}

/* ---- the answer ---- */

static const char *message_of(struct arena *a, struct str body)
{
	own_json j = NULL;
	struct str text;
	struct err *e = json_read(body, &j);
	if (e || !json_is_object(j) || !json_is_string(json_object_get(j, "message"))) {
		err_free(e);
		return "";
	}
	text = str_first(str_of(json_string_value(json_object_get(j, "message"))), MESSAGE_BYTES);
	char *s = arena_strdup(a, str_first(text, str_whole_chars(text)));
	for (char *c = s; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	return *s ? arena_printf(a, ": %s", s) : "";
}

/* GitLab refuses a state that it has already. */
static bool is_there_already(enum source_provider p, int http, struct str body)
{
	static const char mark[] = "Cannot transition status";
	return p == SOURCE_GITLAB && http == 400 && body.len &&
	       memmem(body.p, body.len, mark, sizeof(mark) - 1);
}

void source_status_answer(struct arena *a, enum source_provider p, const char *host, int http,
			  bool limited, struct str body, struct source_status_answer *out)
{
	const char *scope = kinds[p].scope, *said = message_of(a, body);
	*out = (struct source_status_answer){ .reported = http / 100 == 2 ||
							  is_there_already(p, http, body) };
	if (out->reported)
		return;
	out->text = arena_printf(a, "%s answered %d%s", host, http, said);
	if (http == 429 || http == 408 || http / 100 == 5 || (http == 403 && limited)) {
		out->again = true;
		out->code = "STATUS_UNAVAILABLE";
	} else if (http == 401) {
		out->code = "STATUS_AUTH";
		out->text = arena_printf(a, "%s does not accept the token (401%s)", host, said);
		out->remedy = "Give the code source a token that is valid.";
	} else if (http == 403) {
		out->code = "STATUS_DENIED";
		out->text =
			arena_printf(a, "the token may not do it: %s answered 403%s", host, said);
		out->remedy = scope;
	} else if (http == 404) {
		out->code = "STATUS_NOT_FOUND";
		out->text = arena_printf(
			a,
			"%s has no such repository or commit, or hides it from the token (404%s)",
			host, said);
		out->remedy = scope;
	} else if (http / 100 == 3) {
		out->code = "STATUS_REFUSED";
		out->text =
			arena_printf(a, "%s answered %d: redirects are not followed", host, http);
		out->remedy = "The repository may have moved: look at the code source's address.";
	} else {
		out->code = "STATUS_REFUSED";
	}
}

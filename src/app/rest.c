#include "app/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/exit.h"
#include "http/client.h"
#include "http/url.h"

#include <openssl/evp.h>

/* ---- requests ---- */

static char *basic(const char *user, const char *password)
{
	own_mem char *plain = mem_printf("%s:%s", user, password);
	size_t len = strlen(plain);
	own_mem char *text = mem_zalloc(4 * (len / 3 + 1) + 1);
	EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)plain, (int)len);
	return mem_printf("Basic %s", text);
}

static char *authorization(const struct rest_credentials *c)
{
	if (c->token)
		return mem_printf("Bearer %s", c->token);
	return c->user ? basic(c->user, c->password) : NULL;
}

struct err *rest_send(const char *server, const struct rest_credentials *c, const char *method,
		      const char *path, json_t *body, struct rest_answer *out)
{
	struct http_client *client;
	TRY(http_client_open(&(struct http_client_options){ 0 }, &client));
	own_mem char *url = mem_printf("%s%s", server, path), *auth = authorization(c),
		     *text = body ? json_text(body) : NULL;
	const char *headers[] = { body ? "Content-Type: application/json" : NULL, NULL };
	struct http_request r = { .method = method,
				  .url = url,
				  .headers = headers,
				  .authorization = auth,
				  .has_body = body != NULL,
				  .body = str_of(text) };
	struct http_response answer = { 0 };
	struct err *e = http_client_send(client, &r, &answer);
	*out = (struct rest_answer){ .status = answer.status };
	if (e)
		e = err_wrap(e, "%s (is kiln serve running there? Another one: --server URL)",
			     server);
	else if (answer.body_len)
		err_free(json_read(str_n(answer.body, answer.body_len), &out->json));
	http_response_done(&answer);
	http_client_free(client);
	return e;
}

void rest_answer_done(struct rest_answer *a)
{
	json_decref(a->json);
	a->json = NULL;
}

static enum err_kind kind_of(int status)
{
	return status == 404                    ? ERR_NOT_FOUND
	       : status == 401 || status == 403 ? ERR_DENIED
	       : status == 409                  ? ERR_CONFLICT
	       : status >= 500                  ? ERR_UNAVAILABLE
						: ERR_INVALID;
}

struct err *rest_check(const struct rest_answer *a)
{
	if (a->status >= 200 && a->status < 300)
		return NULL;
	struct str detail = { 0 }, remedy = { 0 };
	if (a->json) {
		err_free(json_get_str(a->json, "detail", &detail));
		err_free(json_get_str(a->json, "remedy", &remedy));
	}
	if (!detail.p)
		return err_new(kind_of(a->status), "the server answered %d; is it kiln?",
			       a->status);
	return err_new(kind_of(a->status), STR_FMT "%s" STR_FMT, STR_ARG(detail),
		       remedy.p ? ". " : "", STR_ARG(remedy));
}

struct err *rest_ask(const struct login *l, const char *method, const char *path, json_t *body,
		     json_t **out)
{
	struct rest_answer a;
	struct rest_credentials c = { .token = l->token };
	TRY(rest_send(l->server, &c, method, path, body, &a));
	struct err *e = rest_check(&a);
	if (!e && out)
		*out = json_incref(a.json);
	rest_answer_done(&a);
	return e;
}

void rest_add_segment(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char ch = (unsigned char)s.p[i];
		if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
		    (ch >= '0' && ch <= '9') || strchr("-._~", ch))
			buf_add_c(b, (char)ch);
		else
			buf_printf(b, "%%%02X", ch);
	}
}

/* ---- a call from its table ---- */

struct err *rest_source_id(const struct login *l, const char *text, char **id)
{
	const char *slash = strchr(text, '/');
	if (!slash) {
		*id = mem_strdup(text);
		return NULL;
	}
	struct buf path;
	buf_init(&path, 8192);
	buf_add(&path, STR("/api/v1/sources?limit=500&namespace="));
	rest_add_segment(&path, str_n(text, (size_t)(slash - text)));
	own_mem char *p = buf_steal(&path);
	own_json page = NULL;
	TRY(rest_ask(l, "GET", p, NULL, &page));
	json_t *item;
	size_t i;
	json_array_foreach(json_object_get(page, "items"), i, item)
	{
		const char *name = json_string_value(json_object_get(item, "name"));
		const char *found = json_string_value(json_object_get(item, "id"));
		if (name && found && strcmp(name, slash + 1) == 0) {
			*id = mem_strdup(found);
			return NULL;
		}
	}
	return err_new(ERR_NOT_FOUND, "there is no code source %s; kiln source list shows them",
		       text);
}

static struct err *expand(const struct login *l, const struct invocation *in, const char *pattern,
			  bool encode, char **out)
{
	done(buf) b;
	buf_init(&b, 16384);
	for (const char *p = pattern; *p; p++) {
		bool source = p[0] == '{' && p[1] == 's';
		if (*p != '{') {
			buf_add_c(&b, *p);
			continue;
		}
		size_t n = (size_t)(p[1 + source] - '0');
		const char *word = n < in->n_args ? in->args[n] : "";
		own_mem char *id = NULL;
		if (source)
			TRY(rest_source_id(l, word, &id));
		if (encode)
			rest_add_segment(&b, str_of(id ? id : word));
		else
			buf_add(&b, str_of(word));
		p += 2 + source;
	}
	*out = buf_steal(&b);
	return NULL;
}

static json_t *list_of(const struct option_values *v, bool commas)
{
	json_t *list = json_array();
	for (size_t i = 0; i < v->n; i++) {
		for (struct str rest = str_of(v->v[i]); rest.p;) {
			struct str word = commas ? str_cut(&rest, ',') : rest;
			json_array_append_new(list, json_stringn(word.p, word.len));
			if (!commas)
				break;
		}
	}
	return list;
}

static struct err *pairs_of(const struct rest_field *f, const struct option_values *v, json_t **out)
{
	own_json list = json_array();
	for (size_t i = 0; i < v->n; i++) {
		const char *eq = strchr(v->v[i], '=');
		if (!eq)
			return err_new(ERR_INVALID, "--%s %s is not NAME=VALUE", f->option,
				       v->v[i]);
		json_array_append_new(list, json_pack("{s:s#,s:s}", "name", v->v[i],
						      (int)(eq - v->v[i]), "value", eq + 1));
	}
	*out = move(list);
	return NULL;
}

static struct err *number_of(const struct rest_field *f, const char *text, json_t **out)
{
	char *end;
	long long n = strtoll(text, &end, 10);
	if (!text[0] || *end)
		return err_new(ERR_INVALID, "--%s %s is not a number", f->option, text);
	*out = json_integer(n);
	return NULL;
}

static struct err *field_value(const struct rest_field *f, const struct invocation *in,
			       json_t **out)
{
	const struct option_values *v = option_all(in, f->option);
	const char *last = v->v[v->n - 1];
	own_mem char *secret = NULL;
	switch (f->kind) {
	case REST_TRUE:
	case REST_FALSE:
		*out = json_boolean(f->kind == REST_TRUE);
		return NULL;
	case REST_YESNO:
		*out = json_boolean(strcmp(last, "yes") == 0);
		return NULL;
	case REST_NUMBER:
		return number_of(f, last, out);
	case REST_LIST:
	case REST_WORDS:
		*out = list_of(v, f->kind == REST_LIST);
		return NULL;
	case REST_PAIRS:
		return pairs_of(f, v, out);
	case REST_CONST:
		*out = json_string(f->value);
		return NULL;
	case REST_SECRET:
		TRY(login_stdin_secret(&secret));
		*out = json_string(secret);
		return NULL;
	case REST_TEXT:
	case REST_BRANCH:
	case REST_TAG:
	case REST_QUERY:
		break;
	}
	*out = json_string(last);
	return *out ? NULL : err_new(ERR_INVALID, "--%s is not UTF-8", f->option);
}

static struct err *add_fields(const struct rest_field *fields, const struct invocation *in,
			      json_t *body, struct buf *query)
{
	for (const struct rest_field *f = fields; f && f->option; f++) {
		if (!option_all(in, f->option)->n)
			continue;
		if (f->kind == REST_QUERY) {
			http_url_add_query(query, f->member, str_of(option_get(in, f->option)));
			continue;
		}
		json_t *v;
		TRY(field_value(f, in, &v));
		json_object_set_new(body, f->member, v);
		if (f->kind == REST_BRANCH || f->kind == REST_TAG)
			json_object_set_new(
				body, "refType",
				json_string(f->kind == REST_BRANCH ? "GIT_BRANCH" : "GIT_TAG"));
	}
	return NULL;
}

struct err *rest_body(const struct invocation *in, const struct rest_field *fields, json_t *body)
{
	done(buf) no_query;
	buf_init(&no_query, 1);
	return add_fields(fields, in, body, &no_query);
}

struct err *rest_add_arg(json_t *body, const char *member, const char *word)
{
	if (strcmp(member, "namespace/name") != 0) {
		json_object_set_new(body, member, json_string(word));
		return NULL;
	}
	struct str name = str_of(word), ns = str_cut(&name, '/');
	if (!ns.len || !name.len)
		return err_new(ERR_INVALID, "%s is not NAMESPACE/NAME", word);
	json_object_set_new(body, "namespace", json_stringn(ns.p, ns.len));
	json_object_set_new(body, "name", json_stringn(name.p, name.len));
	return NULL;
}

static struct err *run(const struct rest_call *call, const struct invocation *in, struct login *l)
{
	own_json body = json_object(), answer = NULL;
	own_mem char *path = NULL, *say = NULL;
	TRY(expand(l, in, call->path, true, &path));
	done(buf) url;
	buf_init(&url, 32768);
	buf_add(&url, str_of(path));
	TRY(add_fields(call->fields, in, body, &url));
	for (size_t i = 0; i < ARRAY_LEN(call->args) && i < in->n_args; i++)
		if (call->args[i])
			TRY(rest_add_arg(body, call->args[i], in->args[i]));
	bool with_body = call->body || json_object_size(body);
	TRY(rest_ask(l, call->method, url.p, with_body ? body : NULL, &answer));
	if (answer)
		rest_print(in, answer, call->columns);
	else if (call->say && !option_get(in, "json")) {
		TRY(expand(l, in, call->say, false, &say));
		puts(say);
	}
	return NULL;
}

int rest_command(const struct invocation *in)
{
	const struct rest_call *call = rest_calls;
	while (call->command && strcmp(call->command, in->command->name) != 0)
		call++;
	if (!call->command)
		abort(); /* a command without its call */
	struct login l;
	struct err *e = login_find(option_get(in, "server"), &l);
	if (e)
		return exit_usage(e);
	e = run(call, in, &l);
	login_done(&l);
	return exit_with(e);
}

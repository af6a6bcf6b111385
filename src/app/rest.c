#include "app/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/exit.h"
#include "app/secret.h"
#include "auth/auth.h"
#include "http/client.h"
#include "http/url.h"

/* ---- requests ---- */

static char *authorization(const struct rest_credentials *c)
{
	if (c->token)
		return mem_printf("Bearer %s", c->token);
	return c->user ? http_basic(str_of(c->user), str_of(c->password)) : NULL;
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
	bool ended = str_ends(detail, STR("."));
	return err_new(kind_of(a->status), STR_FMT "%s" STR_FMT, STR_ARG(detail),
		       !remedy.p ? ""
		       : ended   ? " "
				 : ". ",
		       STR_ARG(remedy));
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

/* ---- the words ---- */

static struct err *check_argument(const struct invocation *in, size_t i)
{
	const char *word = in->args[i], *name = in->command->name, *args = in->command->args;
	if (!str_is_utf8(str_of(word)))
		return err_new(ERR_INVALID, "kiln %s %s: argument %zu is not UTF-8", name, args,
			       i + 1);
	if (!word[0] || strcmp(word, ".") == 0 || strcmp(word, "..") == 0)
		return err_new(ERR_INVALID, "kiln %s %s: \"%s\" names nothing", name, args, word);
	return NULL;
}

/* What no request can hold. */
static struct err *check_words(const struct invocation *in)
{
	for (size_t i = 0; i < in->n_args; i++)
		TRY(check_argument(in, i));
	for (const struct option *o = in->command->options; o->name; o++) {
		const struct option_values *v = option_all(in, o->name);
		for (size_t i = 0; i < v->n; i++)
			if (!str_is_utf8(str_of(v->v[i])))
				return err_new(ERR_INVALID, "--%s: its value is not UTF-8",
					       o->name);
	}
	return NULL;
}

/* `kiln login SERVER` names it too. */
static struct err *named_server(const struct invocation *in, const char **out)
{
	bool is_argument = strcmp(in->command->args, "[SERVER]") == 0 && in->n_args;
	*out = option_get(in, "server");
	if (is_argument && *out && strcmp(*out, in->args[0]) != 0)
		return err_new(ERR_INVALID, "two servers: %s, and --server %s", in->args[0], *out);
	if (is_argument)
		*out = in->args[0];
	return login_check_server(*out);
}

/* Is one of the options "a|b" given? */
static bool has_one(const struct invocation *in, const char *options)
{
	for (struct str rest = str_of(options); rest.p;) {
		own_mem char *name = str_dup(str_cut(&rest, '|'));
		if (option_get(in, name))
			return true;
	}
	return false;
}

static struct err *check_needs(const struct invocation *in, const struct rest_call *call)
{
	for (size_t i = 0; i < ARRAY_LEN(call->needs) && call->needs[i]; i++) {
		struct str second = str_of(call->needs[i]), first = str_cut(&second, '|');
		if (!has_one(in, call->needs[i]))
			return err_new(ERR_INVALID, "kiln %s needs --" STR_FMT "%s" STR_FMT,
				       in->command->name, STR_ARG(first), second.p ? " or --" : "",
				       STR_ARG(second));
	}
	return NULL;
}

/* ---- a request from its table ---- */

static void expand_path(const struct invocation *in, const char *pattern, struct buf *b)
{
	for (const char *p = pattern; *p; p++) {
		if (*p != '{') {
			buf_add_c(b, *p);
			continue;
		}
		size_t n = (size_t)(p[1] - '0');
		http_url_add_segment(b, str_of(n < in->n_args ? in->args[n] : ""));
		p += 2;
	}
}

static void add_source(json_t *body, const char *word)
{
	if (strcmp(word, "kiln") == 0)
		json_object_set_new(body, "provider", json_string("KILN"));
	else
		json_object_set_new(body, strchr(word, '/') ? "source" : "sourceId",
				    json_string(word));
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

static json_t *pairs_of(const struct option_values *v)
{
	json_t *list = json_array();
	for (size_t i = 0; i < v->n; i++) {
		struct str value = str_of(v->v[i]), name = str_cut(&value, '=');
		json_array_append_new(list, json_pack("{s:s%,s:s%}", "name", name.p, name.len,
						      "value", value.p, value.len));
	}
	return list;
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
		*out = json_integer(strtoll(last, NULL, 10));
		return NULL;
	case REST_LIST:
	case REST_WORDS:
		*out = list_of(v, f->kind == REST_LIST);
		return NULL;
	case REST_PAIRS:
		*out = pairs_of(v);
		return NULL;
	case REST_CONST:
		*out = json_string(f->value);
		return NULL;
	case REST_SECRET:
		TRY(err_wrap(secret_stdin(&secret), "--%s", f->option));
		*out = json_string(secret);
		return NULL;
	case REST_TEXT:
	case REST_BRANCH:
	case REST_TAG:
		*out = json_string(last);
		return NULL;
	case REST_SOURCE:
	case REST_QUERY:
	case REST_QUERY_TRUE:
		break;
	}
	abort(); /* no member of a body */
}

static const char *other_option(const struct rest_field *fields, const struct rest_field *f,
				const struct invocation *in)
{
	for (const struct rest_field *o = fields; o != f; o++)
		if (o->member && strcmp(o->member, f->member) == 0 && option_get(in, o->option))
			return o->option;
	return NULL;
}

static struct err *add_field(const struct rest_field *f, const struct invocation *in, json_t *body)
{
	json_t *v;
	TRY(field_value(f, in, &v));
	json_object_set_new(body, f->member, v);
	if (f->kind == REST_BRANCH || f->kind == REST_TAG)
		json_object_set_new(body, "refType",
				    json_string(f->kind == REST_BRANCH ? "GIT_BRANCH" : "GIT_TAG"));
	return NULL;
}

static struct err *add_fields(const struct rest_field *fields, const struct invocation *in,
			      json_t *body, struct buf *query)
{
	for (const struct rest_field *f = fields; f && f->option; f++) {
		const char *v = option_get(in, f->option);
		const char *other = v && f->member ? other_option(fields, f, in) : NULL;
		if (!v)
			continue;
		if (other)
			return err_new(ERR_INVALID, "--%s and --%s exclude each other", other,
				       f->option);
		if (f->kind == REST_QUERY || f->kind == REST_QUERY_TRUE)
			http_url_add_query(query, f->member,
					   f->kind == REST_QUERY ? str_of(v) : STR("true"));
		else if (f->kind == REST_SOURCE)
			add_source(body, v);
		else
			TRY(add_field(f, in, body));
	}
	return NULL;
}

static struct err *add_role(json_t *body, const char *word)
{
	enum auth_role role;
	if (!auth_role_parse(str_of(word), &role))
		return err_new(ERR_INVALID,
			       "%s is no role: use one of view, develop, maintain and admin", word);
	json_object_set_new(body, "role", json_string(word));
	return NULL;
}

static struct err *add_arg(json_t *body, const char *member, const char *word)
{
	if (strcmp(member, "role") == 0)
		return add_role(body, word);
	if (strcmp(member, "source") == 0) {
		add_source(body, word);
		return NULL;
	}
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

struct err *rest_prepare(const struct invocation *in, const struct rest_call *call,
			 struct rest_request *out)
{
	own_json body = json_object();
	done(buf) url;
	buf_init(&url, 1 << 20);
	TRY(check_needs(in, call));
	expand_path(in, call->path, &url);
	for (size_t i = 0; i < ARRAY_LEN(call->args) && i < in->n_args; i++)
		if (call->args[i])
			TRY(add_arg(body, call->args[i], in->args[i]));
	TRY(add_fields(call->fields, in, body, &url));
	if (url.over)
		return err_new(ERR_INVALID, "the words of kiln %s are too long", call->command);
	if (strcmp(call->method, "PATCH") == 0 && !json_object_size(body))
		return err_new(
			ERR_INVALID,
			"kiln %s changes nothing without an option; kiln %s --help lists them",
			call->command, call->command);
	bool with_body = call->method[0] == 'P';
	*out = (struct rest_request){ .call = call,
				      .path = buf_steal(&url),
				      .body = with_body ? move(body) : NULL };
	return NULL;
}

struct err *rest_ask_prepared(const struct login *l, const struct rest_request *r, json_t **out)
{
	return rest_ask(l, r->call->method, r->path, r->body, out);
}

void rest_request_done(struct rest_request *r)
{
	free(r->path);
	json_decref(r->body);
	*r = (struct rest_request){ .call = NULL };
}

/* ---- running ---- */

static struct err *read_words(const struct invocation *in, void *state,
			      struct err *(*read)(const struct invocation *in, void *state),
			      const char **server)
{
	TRY(check_words(in));
	TRY(named_server(in, server));
	return read(in, state);
}

int rest_run(const struct invocation *in, void *state,
	     struct err *(*read)(const struct invocation *in, void *state),
	     struct err *(*ask)(const struct invocation *in, struct login *l, void *state))
{
	struct login l;
	const char *server;
	struct err *e = read_words(in, state, read, &server);
	if (e)
		return e->kind == ERR_INVALID ? exit_usage(e) : exit_with(e);
	e = login_find(server, &l);
	if (e)
		return exit_with(e);
	e = ask(in, &l, state);
	login_done(&l);
	return exit_with(e);
}

static void add_word(struct buf *b, const struct invocation *in, json_t *answer, struct str word)
{
	own_mem char *name = str_dup(str_skip(word, 1));
	if (word.p[0] == '/') {
		const char *v = option_get(in, name);
		buf_printf(b, "%s%s", v ? "/" : "", v ? v : "");
	} else if (word.p[0] == '.') {
		json_t *v = json_object_get(answer, name);
		own_mem char *text = v && !json_is_string(v) ? json_text(v) : NULL;
		buf_add(b, str_of(text ? text : json_string_value(v)));
	} else {
		size_t n = (size_t)(word.p[0] - '0');
		buf_add(b, str_of(n < in->n_args ? in->args[n] : ""));
	}
}

static char *sentence(const struct invocation *in, const char *pattern, json_t *answer)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	for (struct str rest = str_of(pattern); rest.p;) {
		buf_add(&b, str_cut(&rest, '{'));
		if (rest.p)
			add_word(&b, in, answer, str_cut(&rest, '}'));
	}
	return buf_steal(&b);
}

static struct err *read_call(const struct invocation *in, void *state)
{
	const struct rest_call *call = rest_calls;
	while (call->command && (strcmp(call->command, in->command->name) != 0 ||
				 (call->when && !option_get(in, call->when))))
		call++;
	if (!call->command)
		abort(); /* a command without its call */
	return rest_prepare(in, call, state);
}

static struct err *ask_call(const struct invocation *in, struct login *l, void *state)
{
	struct rest_request *r = state;
	own_json answer = NULL;
	TRY(rest_ask_prepared(l, r, &answer));
	bool json = option_get(in, "json") != NULL;
	own_mem char *text = r->call->say ? sentence(in, r->call->say, answer) : NULL;
	if (!answer || (text && !json))
		rest_print_done(in, l->server, text);
	else
		rest_print(in, answer, r->call->columns);
	return NULL;
}

int rest_command(const struct invocation *in)
{
	struct rest_request r = { .call = NULL };
	int code = rest_run(in, &r, read_call, ask_call);
	rest_request_done(&r);
	return code;
}

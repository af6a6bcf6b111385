#include "app/builds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/follow.h"
#include "app/rest.h"
#include "http/url.h"

/* ---- repositories ---- */

struct repo_create {
	struct rest_request make, bind; /* no bind.path: it is built from nothing */
};

static struct err *read_repo_create(const struct invocation *in, void *state)
{
	struct repo_create *c = state;
	struct rest_request bind;
	TRY(rest_prepare(in, &service_repo_create, &c->make));
	TRY(rest_prepare(in, &service_repo_bind, &bind));
	bool wants = json_object_size(bind.body) > 0;
	if (option_get(in, "source")) {
		c->bind = bind;
		return NULL;
	}
	rest_request_done(&bind);
	return !wants ? NULL
		      : err_new(ERR_INVALID, "--auto-build, --pool, --overseas and --no-cache "
					     "are about a code source: --source NS/NAME");
}

/* The repository as it is afterwards, with all that is known of its source. */
static struct err *bind_made(const struct invocation *in, const struct login *l,
			     const struct rest_request *bind, json_t **made)
{
	own_json bound = NULL, now = NULL;
	struct rest_request get;
	TRY(rest_ask_prepared(l, bind, &bound));
	TRY(rest_prepare(in, &service_repo_get, &get));
	struct err *e = rest_ask_prepared(l, &get, &now);
	rest_request_done(&get);
	if (e)
		return e;
	json_object_set(now, "source", bound);
	json_decref(*made);
	*made = move(now);
	return NULL;
}

static struct err *ask_repo_create(const struct invocation *in, struct login *l, void *state)
{
	const struct repo_create *c = state;
	own_json made = NULL;
	TRY(rest_ask_prepared(l, &c->make, &made));
	if (c->bind.path)
		TRY(err_wrap(bind_made(in, l, &c->bind, &made),
			     "%s was made, but is not built from %s", in->args[0],
			     option_get(in, "source")));
	rest_print(in, made, NULL);
	return NULL;
}

int repo_create_command(const struct invocation *in)
{
	struct repo_create c = { .make = { .call = NULL } };
	int code = rest_run(in, &c, read_repo_create, ask_repo_create);
	rest_request_done(&c.make);
	rest_request_done(&c.bind);
	return code;
}

/* ---- kiln builds start ---- */

struct builds_start {
	struct rest_request rules, start;
};

static struct err *read_builds_start(const struct invocation *in, void *state)
{
	struct builds_start *s = state;
	TRY(rest_prepare(in, &service_rules, &s->rules));
	return rest_prepare(in, &service_start, &s->start);
}

static struct err *only_rule(const struct login *l, const struct invocation *in,
			     const struct rest_request *rules, char **rule)
{
	own_json page = NULL;
	TRY(rest_ask_prepared(l, rules, &page));
	json_t *items = json_object_get(page, "items");
	const char *id = json_string_value(json_object_get(json_array_get(items, 0), "id"));
	if (!json_array_size(items))
		return err_new(ERR_INVALID,
			       "%s has no build rule: add one with kiln rule create %s --branch "
			       "main --image-tag latest",
			       in->args[0], in->args[0]);
	if (json_array_size(items) > 1 || !id)
		return err_new(
			ERR_INVALID,
			"%s has %zu build rules: say which one; kiln rule list %s shows them",
			in->args[0], json_array_size(items), in->args[0]);
	*rule = mem_strdup(id);
	return NULL;
}

static struct err *ask_builds_start(const struct invocation *in, struct login *l, void *state)
{
	const struct builds_start *s = state;
	own_mem char *rule = in->n_args > 1 ? mem_strdup(in->args[1]) : NULL;
	if (!rule)
		TRY(only_rule(l, in, &s->rules, &rule));
	done(buf) path;
	buf_init(&path, 8192);
	buf_add(&path, str_of(s->start.path));
	http_url_add_segment(&path, str_of(rule));
	buf_add(&path, STR(":build"));
	own_json build = NULL;
	TRY(rest_ask(l, "POST", path.p, s->start.body, &build));
	const char *id = json_string_value(json_object_get(build, "id"));
	if (!option_get(in, "follow") || !id) {
		rest_print(in, build, NULL);
		return NULL;
	}
	return follow_build(l, id, &(struct follow){ .json = option_get(in, "json") != NULL });
}

int builds_start_command(const struct invocation *in)
{
	struct builds_start s = { .rules = { .call = NULL } };
	int code = rest_run(in, &s, read_builds_start, ask_builds_start);
	rest_request_done(&s.rules);
	rest_request_done(&s.start);
	return code;
}

/* ---- kiln builds logs ---- */

static void print_lines(const struct invocation *in, json_t *page)
{
	json_t *line;
	size_t i;
	json_array_foreach(json_object_get(page, "lines"), i, line)
		follow_print_line(line, option_get(in, "times") != NULL);
}

/* One document of all pages: the lines as they come, then what the last page says. */
static void print_json_lines(json_t *page, bool first)
{
	json_t *line;
	size_t i;
	if (first)
		printf("{\n  \"lines\": [");
	json_array_foreach(json_object_get(page, "lines"), i, line)
	{
		own_mem char *text = json_text(line);
		printf("%s\n    %s", first && !i ? "" : ",", text);
	}
}

static void print_json_end(json_t *page)
{
	const char *key;
	json_t *v;
	printf("\n  ]");
	json_object_foreach(page, key, v)
	{
		own_mem char *text = json_text(v);
		if (strcmp(key, "lines") != 0)
			printf(",\n  \"%s\": %s", key, text);
	}
	printf("\n}\n");
}

/* Where the page after this one begins; false: there is none. */
static bool next_page(json_t *page, uint64_t *from)
{
	json_t *next = json_object_get(page, "next");
	if (!json_array_size(json_object_get(page, "lines")) || !json_is_integer(next) ||
	    (uint64_t)json_integer_value(next) <= *from)
		return false;
	*from = (uint64_t)json_integer_value(next);
	return true;
}

/* All pages of a log, or of what a search finds. */
static struct err *print_all(const struct login *l, const struct invocation *in, const char *url)
{
	uint64_t from = 0;
	bool json = option_get(in, "json") != NULL, first = true;
	own_json page = NULL;
	do {
		own_mem char *at = mem_printf("%s%sfrom=%llu", url, strchr(url, '?') ? "&" : "?",
					      (unsigned long long)from);
		json_decref(page);
		page = NULL;
		TRY(rest_ask(l, "GET", at, NULL, &page));
		if (json)
			print_json_lines(page, first);
		else
			print_lines(in, page);
		first = false;
	} while (next_page(page, &from));
	if (json)
		print_json_end(page);
	return NULL;
}

static struct err *print_once(const struct login *l, const struct invocation *in, const char *url)
{
	own_json page = NULL;
	TRY(rest_ask(l, "GET", url, NULL, &page));
	if (option_get(in, "json"))
		rest_print(in, page, NULL);
	else
		print_lines(in, page);
	return NULL;
}

static struct err *check_together(const struct invocation *in)
{
	static const char *const without[][2] = { { "follow", "search" },
						  { "follow", "tail" },
						  { "search", "tail" } };
	static const char *const only_with[] = { "regex", "ignore-case" };
	for (size_t i = 0; i < ARRAY_LEN(without); i++)
		if (option_get(in, without[i][0]) && option_get(in, without[i][1]))
			return err_new(ERR_INVALID, "--%s and --%s exclude each other",
				       without[i][0], without[i][1]);
	const char *text = option_get(in, "search");
	if (text && !text[0])
		return err_new(ERR_INVALID, "--search is empty");
	for (size_t i = 0; i < ARRAY_LEN(only_with); i++)
		if (option_get(in, only_with[i]) && !text)
			return err_new(ERR_INVALID, "--%s is about --search TEXT", only_with[i]);
	return NULL;
}

static struct err *read_builds_logs(const struct invocation *in, void *state)
{
	TRY(check_together(in));
	return rest_prepare(in, option_get(in, "search") ? &service_search : &service_logs, state);
}

static struct err *ask_builds_logs(const struct invocation *in, struct login *l, void *state)
{
	const struct rest_request *r = state;
	struct follow f = { .platform = option_get(in, "platform"),
			    .step = option_get(in, "step"),
			    .stream = option_get(in, "stream"),
			    .times = option_get(in, "times") != NULL,
			    .json = option_get(in, "json") != NULL };
	if (option_get(in, "follow"))
		return follow_build(l, in->args[0], &f);
	if (option_get(in, "tail"))
		return print_once(l, in, r->path);
	return print_all(l, in, r->path);
}

int builds_logs_command(const struct invocation *in)
{
	struct rest_request r = { .call = NULL };
	int code = rest_run(in, &r, read_builds_logs, ask_builds_logs);
	rest_request_done(&r);
	return code;
}

#include "app/builds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/exit.h"
#include "app/follow.h"
#include "app/rest.h"
#include "http/url.h"

/* ---- repositories ---- */

static struct err *bind(const struct invocation *in, const struct login *l, const char *source,
			json_t **out)
{
	own_json body = json_object();
	TRY(rest_body(in, service_binding_fields, body));
	own_mem char *id = NULL;
	if (strcmp(source, "kiln") == 0) {
		json_object_set_new(body, "provider", json_string("KILN"));
	} else {
		TRY(rest_source_id(l, source, &id));
		json_object_set_new(body, "sourceId", json_string(id));
	}
	done(buf) path;
	buf_init(&path, 4096);
	buf_add(&path, STR("/api/v1/repositories/"));
	rest_add_segment(&path, str_of(in->args[0]));
	buf_add(&path, STR("/source"));
	return rest_ask(l, "PUT", path.p, body, out);
}

static struct err *repo_create(const struct invocation *in, struct login *l)
{
	own_json body = json_object(), made = NULL, bound = NULL;
	TRY(rest_add_arg(body, "namespace/name", in->args[0]));
	TRY(rest_body(in, service_repository_fields, body));
	TRY(rest_ask(l, "POST", "/api/v1/repositories", body, &made));
	const char *source = option_get(in, "source");
	if (source)
		TRY(err_wrap(bind(in, l, source, &bound), "%s was made, but is not built from %s",
			     in->args[0], source));
	if (bound)
		json_object_set(made, "source", bound);
	rest_print(in, made, NULL);
	return NULL;
}

static struct err *repo_bind(const struct invocation *in, struct login *l)
{
	own_json bound = NULL;
	TRY(bind(in, l, in->args[1], &bound));
	rest_print(in, bound, NULL);
	return NULL;
}

static int with_login(const struct invocation *in,
		      struct err *(*run)(const struct invocation *in, struct login *l))
{
	struct login l;
	struct err *e = login_find(option_get(in, "server"), &l);
	if (e)
		return exit_usage(e);
	e = run(in, &l);
	login_done(&l);
	return exit_with(e);
}

int repo_create_command(const struct invocation *in)
{
	return with_login(in, repo_create);
}

int repo_bind_command(const struct invocation *in)
{
	return with_login(in, repo_bind);
}

/* ---- builds ---- */

static void add_repository(struct buf *path, const struct invocation *in)
{
	buf_add(path, STR("/api/v1/repositories/"));
	rest_add_segment(path, str_of(in->args[0]));
	buf_add(path, STR("/rules"));
}

static struct err *only_rule(const struct login *l, const struct invocation *in, char **rule)
{
	done(buf) path;
	buf_init(&path, 4096);
	add_repository(&path, in);
	own_json page = NULL;
	TRY(rest_ask(l, "GET", path.p, NULL, &page));
	json_t *items = json_object_get(page, "items");
	const char *id = json_string_value(json_object_get(json_array_get(items, 0), "id"));
	if (json_array_size(items) != 1 || !id)
		return err_new(
			ERR_INVALID,
			"%s has %zu build rules: say which one; kiln rule list %s shows them",
			in->args[0], json_array_size(items), in->args[0]);
	*rule = mem_strdup(id);
	return NULL;
}

static struct err *builds_start(const struct invocation *in, struct login *l)
{
	own_mem char *rule = NULL;
	if (in->n_args > 1)
		rule = mem_strdup(in->args[1]);
	else
		TRY(only_rule(l, in, &rule));
	done(buf) path;
	buf_init(&path, 8192);
	add_repository(&path, in);
	buf_add_c(&path, '/');
	rest_add_segment(&path, str_of(rule));
	buf_add(&path, STR(":build"));
	own_json body = json_object(), build = NULL;
	const char *ref = option_get(in, "ref");
	if (ref)
		json_object_set_new(body, "ref", json_string(ref));
	TRY(rest_ask(l, "POST", path.p, body, &build));
	const char *id = json_string_value(json_object_get(build, "id"));
	if (!option_get(in, "follow") || !id) {
		rest_print(in, build, NULL);
		return NULL;
	}
	return follow_build(l, id, &(struct follow){ .json = option_get(in, "json") != NULL });
}

int builds_start_command(const struct invocation *in)
{
	return with_login(in, builds_start);
}

static void add_option(struct buf *url, const struct invocation *in, const char *option,
		       const char *parameter)
{
	const char *v = option_get(in, option);
	if (v)
		http_url_add_query(url, parameter, str_of(v[0] ? v : "true"));
}

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

static struct err *builds_logs(const struct invocation *in, struct login *l)
{
	struct follow f = { .platform = option_get(in, "platform"),
			    .step = option_get(in, "step"),
			    .stream = option_get(in, "stream"),
			    .times = option_get(in, "times") != NULL,
			    .json = option_get(in, "json") != NULL };
	if (option_get(in, "follow") && !option_get(in, "search"))
		return follow_build(l, in->args[0], &f);
	done(buf) url;
	buf_init(&url, 32768);
	buf_add(&url, STR("/api/v1/builds/"));
	rest_add_segment(&url, str_of(in->args[0]));
	buf_add(&url, option_get(in, "search") ? STR("/log/search") : STR("/log"));
	add_option(&url, in, "search", "q");
	add_option(&url, in, "regex", "regex");
	add_option(&url, in, "ignore-case", "ignoreCase");
	add_option(&url, in, "platform", "platform");
	add_option(&url, in, "step", "step");
	add_option(&url, in, "stream", "stream");
	add_option(&url, in, "tail", "tail");
	if (option_get(in, "tail"))
		return print_once(l, in, url.p);
	return print_all(l, in, url.p);
}

int builds_logs_command(const struct invocation *in)
{
	return with_login(in, builds_logs);
}

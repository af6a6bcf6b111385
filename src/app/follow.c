#include "app/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/rest.h"
#include "http/client.h"
#include "http/url.h"

#define EVENT_BYTES ((size_t)4 << 20)
#define MOST_BROKEN 30
#define BROKEN_S    1

struct following {
	const struct follow *f;
	struct buf line; /* of the stream, until its end came */
	struct buf data; /* of the event at hand */
	char event[32];
	char last_id[32]; /* where to go on */
	bool ended;
	json_t *build;  /* owned; as last told */
	json_t *states; /* owned; of the steps as printed, by number */
	unsigned n_broken;
};

/* ---- printing ---- */

static void print_text(const char *text)
{
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p >= 0x20 || *p == '\t' || *p == 0x1b)
			putchar(*p);
	putchar('\n');
}

static const char *member(json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));
	return s ? s : "";
}

void follow_print_line(json_t *line, bool times)
{
	const char *platform = member(line, "platform"), *time = member(line, "time");
	long long step = json_integer_value(json_object_get(line, "step"));
	if (times)
		printf("%s ", time);
	if (step)
		printf("#%lld ", step);
	if (platform[0])
		printf("[%s] ", strncmp(platform, "linux/", 6) == 0 ? platform + 6 : platform);
	print_text(member(line, "text"));
}

/* A step is told again when its layer is packed: then there is nothing new to say. */
static bool is_printed(json_t *states, long long n, const char *state)
{
	char number[24];
	snprintf(number, sizeof(number), "%lld", n);
	const char *before = json_string_value(json_object_get(states, number));
	bool same = before && strcmp(before, state) == 0;
	json_object_set_new(states, number, json_string(state));
	return same;
}

static void print_step(json_t *step, json_t *states)
{
	const char *state = member(step, "state");
	long long n = json_integer_value(json_object_get(step, "step"));
	bool running = strcmp(state, "running") == 0;
	if (strcmp(state, "waiting") == 0 || is_printed(states, n, state))
		return;
	printf("#%lld ", n);
	if (!running)
		printf("%s", state);
	json_t *took = json_object_get(step, "tookMs");
	if (!running && json_is_integer(took) && json_integer_value(took))
		printf(" %.1fs", (double)json_integer_value(took) / 1000);
	printf("%s[%s] ", running ? "" : "  ", member(step, "stage"));
	print_text(member(step, "text"));
}

static void print_build(json_t *build)
{
	const char *status = member(build, "status"), *digest = member(build, "digest");
	json_t *job;
	size_t i;
	json_array_foreach(json_object_get(build, "jobs"), i, job)
	{
		const char *of = member(job, "digest");
		printf("%-14s %-9s %s\n", member(job, "platform"), member(job, "state"), of);
	}
	printf("%-14s %-9s %s\n", "build", status, digest);
}

/* ---- events. SPEC HTML "Server-sent events" ---- */

static void take_event(struct following *w)
{
	own_json j = NULL;
	err_free(json_read(buf_str(&w->data), &j));
	if (!j || w->f->json) {
		if (j)
			printf("{\"event\":\"%s\",\"data\":%.*s}\n", w->event, (int)w->data.len,
			       w->data.p);
	} else if (strcmp(w->event, "log") == 0) {
		json_t *line;
		size_t i;
		json_array_foreach(json_object_get(j, "lines"), i, line)
			follow_print_line(line, w->f->times);
	} else if (strcmp(w->event, "step") == 0) {
		json_t *step;
		size_t i;
		json_array_foreach(json_object_get(j, "steps"), i, step)
			print_step(step, w->states);
	}
	if (j && strcmp(w->event, "build") == 0) {
		json_decref(w->build);
		w->build = json_incref(j);
	}
	if (strcmp(w->event, "end") == 0)
		w->ended = true;
	fflush(stdout);
}

static void take_line(struct following *w, struct str line)
{
	if (!line.len) {
		if (w->data.len || w->event[0])
			take_event(w);
		buf_clear(&w->data);
		w->event[0] = '\0';
		return;
	}
	struct str value = line, name = str_cut(&value, ':');
	if (value.len && value.p[0] == ' ')
		value = str_skip(value, 1);
	if (str_eq(name, STR("data")))
		buf_add(&w->data, value);
	else if (str_eq(name, STR("event")))
		snprintf(w->event, sizeof(w->event), STR_FMT, STR_ARG(str_first(value, 31)));
	else if (str_eq(name, STR("id")))
		snprintf(w->last_id, sizeof(w->last_id), STR_FMT, STR_ARG(str_first(value, 31)));
}

static struct err *take(void *arg, const void *p, size_t len)
{
	struct following *w = arg;
	struct str rest = str_n(p, len);
	w->n_broken = 0;
	for (ptrdiff_t end; (end = str_chr(rest, '\n')) >= 0;
	     rest = str_skip(rest, (size_t)end + 1)) {
		buf_add(&w->line, str_first(rest, (size_t)end));
		take_line(w, str_trim(buf_str(&w->line)));
		buf_clear(&w->line);
	}
	buf_add(&w->line, rest);
	if (w->line.over || w->data.over)
		return err_new(ERR_LIMIT, "an event of the server is larger than 4 MiB");
	return NULL;
}

static struct err *listen_once(struct http_client *client, const struct login *l, const char *url,
			       struct following *w)
{
	own_mem char *auth = l->token ? mem_printf("Bearer %s", l->token) : NULL;
	own_mem char *resume = mem_printf("Last-Event-ID: %s", w->last_id);
	const char *headers[] = { "Accept: text/event-stream", w->last_id[0] ? resume : NULL,
				  NULL };
	struct http_request r = { .method = "GET",
				  .url = url,
				  .headers = headers,
				  .authorization = auth,
				  .sink = take,
				  .arg = w };
	struct http_response answer = { 0 };
	struct err *e = http_client_send(client, &r, &answer);
	struct rest_answer a = { .status = answer.status };
	if (!e && answer.body_len)
		err_free(json_read(str_n(answer.body, answer.body_len), &a.json));
	if (!e && (answer.status < 200 || answer.status >= 300) && answer.status != 503) {
		e = rest_check(&a);
		w->n_broken = MOST_BROKEN; /* to ask again would not help */
	}
	rest_answer_done(&a);
	http_response_done(&answer);
	return e;
}

/* A connection that breaks is made again: the server, or something between, was restarted. */
static struct err *listen_all(const struct login *l, const char *url, struct following *w)
{
	struct http_client *client;
	TRY(http_client_open(&(struct http_client_options){ 0 }, &client));
	struct err *e = NULL;
	while (!w->ended) {
		err_free(e);
		e = listen_once(client, l, url, w);
		buf_clear(&w->line);
		buf_clear(&w->data);
		if (w->ended || w->n_broken++ >= MOST_BROKEN)
			break;
		sleep(BROKEN_S);
	}
	http_client_free(client);
	if (w->ended) {
		err_free(e);
		return NULL;
	}
	return e ? e : err_new(ERR_UNAVAILABLE, "%s broke off", l->server);
}

/* The build's own error, or that of the first platform that has one; NULL: none. */
static json_t *why(json_t *build)
{
	json_t *error = json_object_get(build, "error"), *job;
	size_t i;
	json_array_foreach(json_object_get(build, "jobs"), i, job) if (!json_is_object(error))
		error = json_object_get(job, "error");
	return json_is_object(error) ? error : NULL;
}

static struct err *outcome(struct following *w)
{
	const char *status = w->build ? member(w->build, "status") : "";
	if (!w->f->json && w->build)
		print_build(w->build);
	if (strcmp(status, "SUCCESS") == 0)
		return NULL;
	json_t *error = w->build ? why(w->build) : NULL;
	const char *remedy = member(error, "remedy");
	return err_new(ERR_INVALID, "the build is %s%s%s%s%s", status[0] ? status : "lost",
		       error ? ": " : "", member(error, "text"), remedy[0] ? ". " : "", remedy);
}

struct err *follow_build(const struct login *l, const char *id, const struct follow *f)
{
	done(buf) path;
	buf_init(&path, 16384);
	buf_add(&path, str_of(l->server));
	buf_add(&path, STR("/api/v1/builds/"));
	http_url_add_segment(&path, str_of(id));
	buf_add(&path, STR("/events"));
	if (f->platform)
		http_url_add_query(&path, "platform", str_of(f->platform));
	if (f->step)
		http_url_add_query(&path, "step", str_of(f->step));
	if (f->stream)
		http_url_add_query(&path, "stream", str_of(f->stream));
	struct following w = { .f = f, .states = json_object() };
	buf_init(&w.line, EVENT_BYTES);
	buf_init(&w.data, EVENT_BYTES);
	struct err *e = listen_all(l, path.p, &w);
	if (!e)
		e = outcome(&w);
	buf_done(&w.line);
	buf_done(&w.data);
	json_decref(w.build);
	json_decref(w.states);
	return e;
}

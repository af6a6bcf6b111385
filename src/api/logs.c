/* Logs of builds: pages, the end, search, text. Events are in events.c. */
#include "api/log_json.h"

#include <errno.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/time.h"

#define LOG_PAGE        1000
#define LOG_MOST_PAGE   5000
#define LOG_JSON_BYTES  ((size_t)32 << 20) /* what a page of 1 MiB can become at most */
#define LOG_MOST_RUNS   200000
#define MOST_STEP       UINT16_MAX
#define MOST_LINE_COUNT ((uint64_t)INT64_MAX)

/* ---- shared with events.c ---- */

struct api_log_names api_log_names_of(const struct pipeline_build *b)
{
	struct api_log_names out = { .n = MIN(b->n_jobs, (size_t)API_LOG_MOST_PLATFORMS) };
	for (size_t i = 0; i < out.n; i++)
		out.names[i] = oci_platform_text(&b->jobs[i].platform);
	return out;
}

static const char *const streams[] = {
	[PIPELINE_STDOUT] = "stdout",
	[PIPELINE_STDERR] = "stderr",
	[PIPELINE_SYSTEM] = "system",
};

static struct err *filter_stream(struct api_call *c, struct pipeline_filter *f)
{
	struct str name = api_query(c, "stream");
	for (size_t i = 0; i < ARRAY_LEN(streams); i++)
		if (str_eq(name, str_of(streams[i])))
			f->streams = 1u << i;
	if (!name.len || f->streams)
		return NULL;
	return err_coded(ERR_INVALID, "QUERY", NULL, "stream is stdout, stderr or system");
}

struct err *api_log_filter(struct api_call *c, const struct pipeline_build *b,
			   struct pipeline_filter *out)
{
	struct str platform = api_query(c, "platform"), step = api_query(c, "step");
	uint64_t number = 0;
	*out = (struct pipeline_filter){ .step = -1 };
	TRY(api_query_u64(c, "step", MOST_STEP, &number));
	TRY(filter_stream(c, out));
	if (step.len)
		out->step = (int)number;
	if (!platform.len)
		return NULL;
	struct oci_platform p;
	struct err *e = oci_platform_parse(platform, &p);
	for (size_t i = 0; !e && i < b->n_jobs; i++)
		if (oci_platform_eq(&b->jobs[i].platform, &p))
			out->platforms |= 1u << (i + 1);
	err_free(e);
	if (out->platforms)
		return NULL;
	return err_coded(ERR_INVALID, "QUERY", "The build's \"jobs\" name its platforms.",
			 "platform is none of this build");
}

static void add_line(struct buf *b, const struct api_log_names *names,
		     const struct pipeline_line *l)
{
	struct time_text time = time_rfc3339(l->time_ms / 1000 * 1000000000);
	time.s[strlen(time.s) - 1] = '\0'; /* seconds; milliseconds follow */
	buf_printf(b,
		   "{\"n\":%llu,\"time\":\"%s.%03uZ\",\"platform\":", (unsigned long long)l->number,
		   time.s, (unsigned)(l->time_ms % 1000));
	if (l->platform && l->platform <= names->n)
		json_add_str(b, str_of(names->names[l->platform - 1].s));
	else
		buf_add(b, STR("null"));
	buf_add(b, STR(",\"step\":"));
	if (l->step)
		buf_add_u64(b, l->step);
	else
		buf_add(b, STR("null"));
	buf_printf(b, ",\"stream\":\"%s\",\"text\":",
		   streams[MIN((size_t)l->stream, ARRAY_LEN(streams) - 1)]);
	json_add_str(b, l->text);
	buf_add_c(b, '}');
}

void api_log_add_lines(struct buf *b, const struct api_log_names *names,
		       const struct pipeline_line *lines, size_t n)
{
	buf_add_c(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_add_c(b, ',');
		add_line(b, names, &lines[i]);
	}
	buf_add_c(b, ']');
}

/* ---- requests ---- */

static struct err *query_bool(struct api_call *c, const char *name, bool *out)
{
	struct str v = api_query(c, name);
	*out = str_eq(v, STR("1")) || str_eq(v, STR("true"));
	if (*out || !v.len || str_eq(v, STR("0")) || str_eq(v, STR("false")))
		return NULL;
	return err_coded(ERR_INVALID, "QUERY", NULL, "%s is 1 or 0", name);
}

static struct err *query_count(struct api_call *c, const char *name, uint64_t unless, size_t *out)
{
	uint64_t n = unless;
	TRY(api_query_u64(c, name, LOG_MOST_PAGE, &n));
	if (!n)
		return err_coded(ERR_INVALID, "QUERY", NULL, "%s is 1 to %d", name, LOG_MOST_PAGE);
	*out = (size_t)n;
	return NULL;
}

struct page {
	struct pipeline_line *lines;
	size_t n;
	uint64_t next;
};

static struct err *read_page(struct api_call *c, const struct pipeline_build *b, struct page *p)
{
	struct pipeline_logs *logs = c->api->o.logs;
	struct pipeline_filter f;
	size_t limit, tail;
	uint64_t from = 0;
	TRY(api_log_filter(c, b, &f));
	TRY(query_count(c, "limit", LOG_PAGE, &limit));
	TRY(api_query_u64(c, "from", MOST_LINE_COUNT, &from));
	if (!api_query(c, "tail").len)
		return pipeline_log_read(logs, c->arena, b->id, from, limit, &f, &p->lines, &p->n,
					 &p->next);
	TRY(query_count(c, "tail", LOG_PAGE, &tail));
	TRY(pipeline_log_count(logs, b->id, &p->next));
	TRY(pipeline_log_tail(logs, c->arena, b->id, tail, &f, &p->lines, &p->n));
	if (p->n && p->lines[p->n - 1].number >= p->next) /* it grew in between */
		p->next = p->lines[p->n - 1].number + 1;
	return NULL;
}

static struct err *get_log(struct api_call *c, struct http_reply **out)
{
	struct pipeline_build b;
	struct page p = { 0 };
	uint64_t total;
	TRY(api_need_build(c, AUTH_VIEW, &b));
	TRY(read_page(c, &b, &p));
	TRY(pipeline_log_count(c->api->o.logs, b.id, &total));
	struct api_log_names names = api_log_names_of(&b);
	done(buf) text;
	buf_init(&text, LOG_JSON_BYTES);
	buf_add(&text, STR("{\"lines\":"));
	api_log_add_lines(&text, &names, p.lines, p.n);
	bool end = p.next >= total && api_build_over(&b);
	buf_printf(&text, ",\"next\":%llu,\"total\":%llu,\"end\":%s}", (unsigned long long)p.next,
		   (unsigned long long)total, end ? "true" : "false");
	return api_json_text(&text, out);
}

static struct err *search_log(struct api_call *c, struct http_reply **out)
{
	struct pipeline_build b;
	struct pipeline_filter f;
	struct pipeline_search s = { .text = api_query(c, "q") };
	struct pipeline_found found;
	size_t limit;
	TRY(api_need_build(c, AUTH_VIEW, &b));
	TRY(api_log_filter(c, &b, &f));
	TRY(query_bool(c, "regex", &s.is_expression));
	TRY(query_bool(c, "ignoreCase", &s.ignore_case));
	TRY(api_query_u64(c, "from", MOST_LINE_COUNT, &s.from));
	TRY(api_query_u64(c, "skip", MOST_LINE_COUNT, &s.skip));
	TRY(query_count(c, "limit", 100, &limit));
	s.n = limit + 1;
	TRY(pipeline_log_search(c->api->o.logs, c->arena, b.id, &s, &f, &found));
	struct api_log_names names = api_log_names_of(&b);
	done(buf) text;
	buf_init(&text, LOG_JSON_BYTES);
	buf_add(&text, STR("{\"lines\":"));
	api_log_add_lines(&text, &names, found.lines, MIN(found.n, limit));
	buf_printf(&text,
		   ",\"first\":%llu,\"total\":%llu,\"next\":", (unsigned long long)found.first,
		   (unsigned long long)found.total);
	size_t bytes = 0;
	for (size_t i = 0; i < found.n; i++)
		bytes += found.lines[i].text.len;
	if (found.n > limit)
		buf_add_u64(&text, found.lines[limit].number);
	else if (found.n && bytes >= LIMIT_LOG_PAGE_BYTES)
		buf_add_u64(&text, found.lines[found.n - 1].number + 1);
	else
		buf_add(&text, STR("null"));
	buf_add_c(&text, '}');
	return api_json_text(&text, out);
}

static struct err *get_outline(struct api_call *c, struct http_reply **out)
{
	struct pipeline_build b;
	struct pipeline_log_run *runs;
	size_t n;
	uint64_t from = 0, next;
	TRY(api_need_build(c, AUTH_VIEW, &b));
	TRY(api_query_u64(c, "from", MOST_LINE_COUNT, &from));
	TRY(pipeline_log_outline(c->api->o.logs, c->arena, b.id, from, LOG_MOST_RUNS, &runs, &n,
				 &next));
	struct api_log_names names = api_log_names_of(&b);
	done(buf) text;
	buf_init(&text, LOG_JSON_BYTES);
	buf_add(&text, STR("{\"platforms\":["));
	for (size_t i = 0; i < names.n; i++) {
		buf_add(&text, i ? STR(",") : STR(""));
		json_add_str(&text, str_of(names.names[i].s));
	}
	buf_add(&text, STR("],\"runs\":["));
	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%s%llu,%u,%u", i ? "," : "", (unsigned long long)runs[i].n_lines,
			   (unsigned)runs[i].platform, (unsigned)runs[i].step);
	buf_printf(&text, "],\"next\":%llu}", (unsigned long long)next);
	return api_json_text(&text, out);
}

static struct err *get_text(struct api_call *c, struct http_reply **out)
{
	struct pipeline_build b;
	struct pipeline_filter f;
	bool times;
	own_fd fd = -1;
	struct stat st;
	const char *platforms[API_LOG_MOST_PLATFORMS + 1] = { NULL };
	TRY(api_need_build(c, AUTH_VIEW, &b));
	TRY(api_log_filter(c, &b, &f));
	TRY(query_bool(c, "times", &times));
	struct api_log_names names = api_log_names_of(&b);
	for (size_t i = 0; i < names.n; i++)
		platforms[i] = names.names[i].s;
	TRY(pipeline_logs_temp(c->api->o.logs, &fd));
	TRY(pipeline_log_text(c->api->o.logs, b.id, &f, times, platforms, fd));
	if (fstat(fd, &st) < 0)
		return err_from_errno(errno, "stat");
	*out = http_reply_file(200, fd_move(&fd), 0, (uint64_t)st.st_size);
	http_reply_header(*out, "Content-Type", "text/plain; charset=utf-8");
	http_reply_header(*out, "Cache-Control", "no-store");
	http_reply_header(*out, "X-Content-Type-Options", "nosniff");
	http_reply_headerf(*out, "Content-Disposition", "inline; filename=\"build-%s.log\"", b.id);
	return NULL;
}

const struct api_route api_log_routes[] = {
	{ HTTP_GET, "/api/v1/builds/{build}/log", API_ANYBODY, get_log, NULL },
	{ HTTP_GET, "/api/v1/builds/{build}/log/search", API_ANYBODY, search_log, NULL },
	{ HTTP_GET, "/api/v1/builds/{build}/log/outline", API_ANYBODY, get_outline, NULL },
	{ HTTP_GET, "/api/v1/builds/{build}/log.txt", API_ANYBODY, get_text, NULL },
	{ HTTP_GET, "/api/v1/builds/{build}/events", API_ANYBODY, api_log_events, NULL },
	{ 0 },
};

/* What happens to a build, as server-sent events.
 *
 * A reader has a place in the log and the sums of the states that it was told. It sleeps as a
 * follower of the log, which wakes it for lines and for changes of states; one batch at a time is
 * made and held for it, however far behind it is. States are read once for all readers: see
 * snapshot_get(). Before each batch, and every HTTP_STREAM_BEAT_MS, it is asked whether anything
 * changed that could take the right to read away; only then the database is.
 * SPEC HTML "Server-sent events" */
#include "api/log_json.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"

#define BATCH_LINES     100
#define BATCH_BYTES     ((size_t)16 << 10) /* of text, or one line */
#define EVENT_BYTES     ((size_t)32 << 20)
#define ARENA_BYTES     ((size_t)256 << 20)
#define SIGN_OF_LIFE_MS 12000
#define SNAPSHOTS       32

/* ---- states ---- */

static uint64_t sum_of(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3u;
	return h;
}

struct snapshot { /* counted, never changed; the list holds one reference of each */
	atomic_uint refs;
	const struct api *api;
	char id[40];
	uint64_t pokes;
	bool over;
	char *build; /* owned; JSON */
	uint64_t build_sum;
	size_t n_steps;
	char **steps; /* owned; JSON of each */
	uint64_t *step_sums;
};

static struct mutex snapshots_lock = { .m = PTHREAD_MUTEX_INITIALIZER }; /* guards the next */
static struct snapshot *snapshots[SNAPSHOTS];
static size_t next_snapshot;

static void snapshot_free(struct snapshot *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	for (size_t i = 0; i < s->n_steps; i++)
		free(s->steps[i]);
	free(s->steps);
	free(s->step_sums);
	free(s->build);
	free(s);
}
OWN_DECLARE(snapshot);

static struct snapshot *snapshot_find(const struct api *api, const char *id, uint64_t pokes)
{
	hold(&snapshots_lock);
	for (size_t i = 0; i < SNAPSHOTS; i++) {
		struct snapshot *s = snapshots[i];
		if (s && s->api == api && s->pokes == pokes && strcmp(s->id, id) == 0) {
			atomic_fetch_add(&s->refs, 1);
			return s;
		}
	}
	return NULL;
}

static void snapshot_keep(struct snapshot *s)
{
	atomic_fetch_add(&s->refs, 1);
	mutex_lock(&snapshots_lock);
	struct snapshot *old = snapshots[next_snapshot];
	snapshots[next_snapshot] = s;
	next_snapshot = (next_snapshot + 1) % SNAPSHOTS;
	mutex_unlock(&snapshots_lock);
	snapshot_free(old);
}

static char *text_of(json_t *j)
{
	char *text = json_text(j);
	json_decref(j);
	return text;
}

static struct err *snapshot_read(const struct api *api, struct snapshot *s)
{
	own(arena) a = arena_open(ARENA_BYTES);
	struct pipeline_build b;
	struct pipeline_step *steps;
	size_t n;
	bool found;
	TRY(pipeline_build_get(api->o.pipeline, a, str_of(s->id), &found, &b));
	if (!found)
		return err_new(ERR_NOT_FOUND, "the build is gone");
	TRY(pipeline_build_steps(api->o.pipeline, a, str_of(s->id), &steps, &n));
	s->over = api_build_over(&b);
	s->build = text_of(api_build_json(&b));
	s->build_sum = sum_of(s->build);
	s->steps = mem_new_array(n + 1, char *);
	s->step_sums = mem_new_array(n + 1, uint64_t);
	for (; s->n_steps < n; s->n_steps++) {
		s->steps[s->n_steps] = text_of(api_build_step_json(&steps[s->n_steps]));
		s->step_sums[s->n_steps] = sum_of(s->steps[s->n_steps]);
	}
	return NULL;
}

/* The states as they are after that poke. */
static struct err *snapshot_get(const struct api *api, const char *id, uint64_t pokes,
				struct snapshot **out)
{
	own(snapshot) s = snapshot_find(api, id, pokes);
	if (!s) {
		s = mem_new(struct snapshot);
		s->refs = 1;
		s->api = api;
		s->pokes = pokes;
		(void)snprintf(s->id, sizeof(s->id), "%s", id);
		TRY(snapshot_read(api, s));
		snapshot_keep(s);
	}
	*out = move(s);
	return NULL;
}

/* ---- a reader ---- */

struct reader {
	struct pipeline_follower follower;
	struct http_stream *stream;  /* a reference */
	const struct api *api;       /* borrowed */
	char id[40], repository[40]; /* ids */
	struct auth_principal who;
	struct api_log_names names;
	struct pipeline_filter filter;
	uint64_t next; /* line */
	uint64_t pokes;
	bool begun, over, ended;
	uint64_t build_sum;
	uint64_t *step_sums; /* owned; as told */
	size_t n_steps;
	uint64_t sent_ms;
	char *pending; /* owned; NULL: nothing */
	size_t at, len;
};

static void on_wake(struct pipeline_follower *f)
{
	http_stream_wake(container_of(f, struct reader, follower)->stream);
}

static bool step_is_new(const struct reader *r, const struct snapshot *s, size_t i)
{
	return i >= r->n_steps || r->step_sums[i] != s->step_sums[i];
}

static void add_steps(struct reader *r, struct buf *b, const struct snapshot *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n_steps; i++) {
		if (!step_is_new(r, s, i))
			continue;
		buf_add(b, n++ ? STR(",") : STR("event: step\ndata: {\"steps\":["));
		buf_add(b, str_of(s->steps[i]));
	}
	if (!n)
		return;
	buf_add(b, STR("]}\n\n"));
	r->step_sums = mem_grow(r->step_sums, s->n_steps, sizeof(*r->step_sums));
	memcpy(r->step_sums, s->step_sums, s->n_steps * sizeof(*r->step_sums));
	r->n_steps = s->n_steps;
}

static struct err *add_states(struct reader *r, struct buf *b)
{
	uint64_t pokes = pipeline_log_pokes(r->api->o.logs, r->id);
	own(snapshot) s = NULL;
	if (r->begun && pokes == r->pokes)
		return NULL;
	TRY(snapshot_get(r->api, r->id, pokes, &s));
	if (!r->begun || s->build_sum != r->build_sum)
		buf_printf(b, "event: build\ndata: %s\n\n", s->build);
	add_steps(r, b, s);
	r->build_sum = s->build_sum;
	r->over = s->over;
	r->pokes = pokes;
	r->begun = true;
	return NULL;
}

/* `*more`: there were lines, so there may be others. */
static struct err *add_lines(struct reader *r, struct buf *b, bool *more)
{
	own(arena) a = arena_open(ARENA_BYTES);
	struct pipeline_line *lines;
	size_t n, n_sent = 0, bytes = 0;
	uint64_t next;
	TRY(pipeline_log_read(r->api->o.logs, a, r->id, r->next, BATCH_LINES, &r->filter, &lines,
			      &n, &next));
	while (n_sent < n && (!n_sent || bytes + lines[n_sent].text.len <= BATCH_BYTES))
		bytes += lines[n_sent++].text.len;
	if (n_sent < n)
		next = lines[n_sent].number;
	*more = n > 0;
	r->next = next;
	if (!n)
		return NULL;
	buf_printf(b, "event: log\nid: %llu\ndata: {\"lines\":", (unsigned long long)next);
	api_log_add_lines(b, &r->names, lines, n_sent);
	buf_add(b, STR("}\n\n"));
	return NULL;
}

/* ERR_DENIED when what it came with is not valid any more, or the role is gone. */
static struct err *need_right(struct reader *r)
{
	struct auth *auth = r->api->o.auth;
	if (auth_is_fresh(auth, &r->who))
		return NULL;
	own(arena) a = arena_open(ARENA_BYTES);
	struct catalog_image_repository image;
	enum auth_role role;
	TRY(auth_refresh(auth, &r->who));
	TRY(api_role_in_repository(r->api, a, &r->who, str_of(r->repository), &image, &role));
	if (role >= AUTH_VIEW)
		return NULL;
	return err_new(ERR_DENIED, "%s may not see build %s any more", r->who.name, r->id);
}

static struct err *add_all(struct reader *r, struct buf *b, bool *more)
{
	TRY(need_right(r));
	TRY(add_states(r, b));
	TRY(add_lines(r, b, more));
	if (*more || !r->over || pipeline_log_pokes(r->api->o.logs, r->id) != r->pokes)
		return NULL;
	buf_add(b, STR("event: end\ndata: {}\n\n"));
	r->ended = true;
	return NULL;
}

/* The next events into `pending`; none: the reader is a follower again. */
static void make_events(struct reader *r)
{
	struct buf b;
	bool more = false;
	buf_init(&b, EVENT_BYTES);
	pipeline_log_forget(r->api->o.logs, &r->follower);
	if (!r->begun)
		buf_add(&b, STR("retry: 1000\n\n"));
	struct err *e = add_all(r, &b, &more);
	if (e) {
		/* The client comes again, and finds what is wrong then. */
		log_err(e->kind == ERR_DENIED ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
			"events of a build ended", e);
		r->ended = true;
	}
	if (!b.len && !r->ended && time_mono_ms() - r->sent_ms >= SIGN_OF_LIFE_MS)
		buf_add(&b, STR(": \n\n"));
	if (b.len) {
		r->sent_ms = time_mono_ms();
		r->len = b.len;
		r->at = 0;
		r->pending = buf_steal(&b);
		return;
	}
	buf_done(&b);
	if (!r->ended)
		pipeline_log_wait(r->api->o.logs, r->id, r->next, r->pokes, &r->follower);
}

static size_t fill(void *arg, char *p, size_t len, bool *end)
{
	struct reader *r = arg;
	if (!r->pending && !r->ended)
		make_events(r);
	size_t n = r->pending ? MIN(len, r->len - r->at) : 0;
	if (n)
		memcpy(p, r->pending + r->at, n);
	r->at += n;
	if (r->pending && r->at == r->len) {
		free(r->pending);
		r->pending = NULL;
	}
	*end = r->ended && !r->pending;
	return n;
}

static void end(void *arg)
{
	struct reader *r = arg;
	pipeline_log_forget(r->api->o.logs, &r->follower);
	http_stream_unref(r->stream);
	free(r->step_sums);
	free(r->pending);
	free(r);
}

static const struct http_source source = { .fill = fill, .end = end };

/* Last-Event-ID, of a client that comes again, before `from`. */
static struct err *first_line(struct api_call *c, uint64_t *out)
{
	struct str last = c->last_event_id;
	*out = 0;
	if (!last.len)
		return api_query_u64(c, "from", INT64_MAX, out);
	if (str_to_u64(last, INT64_MAX, out))
		return NULL;
	return err_coded(ERR_INVALID, "QUERY", NULL, "Last-Event-ID is none of ours");
}

struct err *api_log_events(struct api_call *c, struct http_reply **out)
{
	struct pipeline_build b;
	struct pipeline_filter f;
	uint64_t from;
	TRY(api_need_build(c, AUTH_VIEW, &b));
	TRY(api_log_filter(c, &b, &f));
	TRY(first_line(c, &from));
	struct reader *r = mem_new(struct reader);
	r->follower.wake = on_wake;
	r->api = c->api;
	r->names = api_log_names_of(&b);
	r->filter = f;
	r->next = from;
	r->sent_ms = time_mono_ms();
	r->who = c->who;
	(void)snprintf(r->id, sizeof(r->id), "%s", b.id);
	(void)snprintf(r->repository, sizeof(r->repository), "%s", b.repository_id);
	*out = http_reply_stream(200, &source, r, &r->stream);
	http_reply_header(*out, "Content-Type", "text/event-stream");
	http_reply_header(*out, "Cache-Control", "no-store");
	http_reply_header(*out, "X-Content-Type-Options", "nosniff");
	http_reply_header(*out, "X-Accel-Buffering", "no");
	return NULL;
}

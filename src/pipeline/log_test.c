#include "pipeline/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/random.h"
#include "base/test.h"
#include "pipeline/log_priv.h"

#define ID "0a0b0c0d-1111-4222-8333-444455556666"

static const struct pipeline_filter any = { .step = -1 };

static struct pipeline_logs *open_logs(int dir)
{
	struct pipeline_logs *l = NULL;
	EXPECT_OK(pipeline_logs_open(dir, &l));
	return l;
}

/* Line `i` of the test logs, by rule. */
static void make_line(uint64_t i, char text[64], struct pipeline_line *out)
{
	int n = snprintf(text, 64, "line %llu of the build%s", (unsigned long long)i,
			 i % 10 == 3 ? " with Needle" : "");
	*out = (struct pipeline_line){ .time_ms = 1700000000000 + (int64_t)i,
				       .platform = (uint8_t)(i % 3),
				       .step = (uint16_t)(i / 1000),
				       .stream = i % 5 ? PIPELINE_STDOUT : PIPELINE_STDERR,
				       .text = str_n(text, (size_t)n) };
}

static struct err *append(struct pipeline_logs *l, uint64_t from, size_t n)
{
	own_mem struct pipeline_line *lines = mem_new_array(n, struct pipeline_line);
	own_mem char *texts = mem_zalloc(n * 64);
	for (size_t i = 0; i < n; i++)
		make_line(from + i, texts + i * 64, &lines[i]);
	return pipeline_log_append(l, ID, lines, n);
}

static bool same_line(const struct pipeline_line *a, uint64_t i)
{
	char text[64];
	struct pipeline_line b;
	make_line(i, text, &b);
	return a->number == i && a->time_ms == b.time_ms && a->platform == b.platform &&
	       a->step == b.step && a->stream == b.stream && str_eq(a->text, b.text);
}

/* Every line from 0 on, and how many there are. */
static struct err *check_all(struct pipeline_logs *l, uint64_t *n)
{
	uint64_t at = 0, next;
	size_t got = 1;
	while (got) {
		own(arena) a = arena_open((size_t)64 << 20);
		struct pipeline_line *lines;
		TRY(pipeline_log_read(l, a, ID, at, 5000, &any, &lines, &got, &next));
		for (size_t i = 0; i < got; i++)
			EXPECT(same_line(&lines[i], at + i));
		EXPECT(next == at + got);
		at = next;
	}
	*n = at;
	return NULL;
}

static void expect_lines(struct pipeline_logs *l, uint64_t want)
{
	uint64_t n, count;
	EXPECT_OK(check_all(l, &n));
	EXPECT_OK(pipeline_log_count(l, ID, &count));
	EXPECT(n == want && count == want);
}

TEST(what_was_appended_is_read_and_survives_a_new_start)
{
	static const size_t batches[] = { 1, 2, 4095, 1, 4096, 5000, 100, 20000, 3 };
	own_fd dir = test_tmpdir();
	own(pipeline_logs) l = open_logs(dir);
	uint64_t n = 0;
	expect_lines(l, 0);
	for (size_t i = 0; i < ARRAY_LEN(batches); i++) {
		EXPECT_OK(append(l, n, batches[i]));
		n += batches[i];
		expect_lines(l, n);
		pipeline_logs_free(move(l)); /* as if killed: nothing is written at the end */
		l = open_logs(dir);
		expect_lines(l, n);
	}
	EXPECT_OK(pipeline_log_close(l, ID));
	expect_lines(l, n);
	EXPECT_OK(append(l, n, 10)); /* a retry */
	expect_lines(l, n + 10);
	EXPECT_OK(pipeline_log_close(l, ID));
	pipeline_logs_free(move(l));
	l = open_logs(dir);
	expect_lines(l, n + 10);
	EXPECT_OK(pipeline_log_remove(l, ID));
	expect_lines(l, 0);
	EXPECT_OK(append(l, 0, 5));
	expect_lines(l, 5);
}

TEST(text_is_kept_byte_by_byte_and_long_lines_go_on)
{
	own_fd dir = test_tmpdir();
	own(pipeline_logs) l = open_logs(dir);
	own(arena) a = arena_open((size_t)64 << 20);
	own_mem char *big = mem_zalloc(100000);
	for (size_t i = 0; i < 100000; i++)
		big[i] = (char)(i * 7 & 0x7f);
	own_mem char *odd = mem_zalloc(16385); /* its 16,384th byte begins a character */
	for (size_t i = 0; i < 16385; i++)
		odd[i] = i == 0 ? 'a' : i % 2 ? '\xc3' : '\xa4';
	struct pipeline_line in[] = { { .text = STR("") },
				      { .text = str_n("\0\n\xff", 3) },
				      { .text = str_n(big, 16384) },
				      { .text = str_n(big, 16385) },
				      { .text = str_n(big, 100000) },
				      { .text = STR("last"), .stream = PIPELINE_SYSTEM },
				      { .text = str_n(odd, 16385) } };
	static const size_t lens[] = { 0,     3,     16384, 16384, 1, 16384, 16384, 16384,
				       16384, 16384, 16384, 1696,  4, 16383, 2 };
	EXPECT_OK(pipeline_log_append(l, ID, in, ARRAY_LEN(in)));
	EXPECT(in[3].number == 3 && in[4].number == 5 && in[5].number == 12);
	for (int round = 0; round < 2; round++) {
		struct pipeline_line *out;
		size_t n;
		uint64_t next;
		EXPECT_OK(pipeline_log_read(l, a, ID, 0, 100, &any, &out, &n, &next));
		EXPECT(n == ARRAY_LEN(lens));
		for (size_t i = 0; i < n; i++)
			EXPECT(out[i].text.len == lens[i]);
		EXPECT(memcmp(out[11].text.p, big + 6 * 16384, 1696) == 0);
		EXPECT(str_eq(out[1].text, in[1].text));
		EXPECT_OK(pipeline_log_close(l, ID));
	}
}

TEST(pages_and_tails_pass_the_filter)
{
	own_fd dir = test_tmpdir();
	own(pipeline_logs) l = open_logs(dir);
	EXPECT_OK(append(l, 0, 30500));
	own(arena) a = arena_open((size_t)64 << 20);
	struct pipeline_filter f = { .platforms = 1u << 1, .step = 30 };
	struct pipeline_line *out;
	size_t n;
	uint64_t next;
	EXPECT_OK(pipeline_log_read(l, a, ID, 0, 100, &f, &out, &n, &next));
	EXPECT(n == 100 && out[0].number == 30001 && out[99].number == 30298 && next == 30299);
	EXPECT_OK(pipeline_log_read(l, a, ID, next, 100, &f, &out, &n, &next));
	EXPECT(n == 67 && next == 30500);
	EXPECT_OK(pipeline_log_read(l, a, ID, 99999, 100, &any, &out, &n, &next));
	EXPECT(n == 0 && next == 99999);
	EXPECT_OK(pipeline_log_tail(l, a, ID, 6000, &any, &out, &n));
	EXPECT(n == 6000 && same_line(&out[0], 24500) && same_line(&out[5999], 30499));
	f.step = 2;
	EXPECT_OK(pipeline_log_tail(l, a, ID, 10, &f, &out, &n));
	EXPECT(n == 10 && same_line(&out[9], 2998) && same_line(&out[0], 2971));
	EXPECT_OK(
		pipeline_log_tail(l, a, ID, 10, &(struct pipeline_filter){ .step = 77 }, &out, &n));
	EXPECT(n == 0);
}

TEST(searching_counts_all_and_lists_from_a_line_on)
{
	static const struct {
		const char *text;
		bool expression, ignore_case;
		uint64_t total, first;
	} cases[] = {
		{ "Needle", false, false, 3000, 3 },
		{ "needle", false, false, 0, 0 },
		{ "neEDle", false, true, 3000, 3 },
		{ "line 29999 of", false, false, 1, 29999 },
		{ "build\nline", false, false, 0, 0 },
		{ "^line 2\\d of", true, false, 10, 20 },
		{ "(?i)NEEDLE$", true, false, 3000, 3 },
		{ "d$\\nl|ld\\s+line", true, false, 0, 0 },
		{ "Need.*e", true, true, 3000, 3 },
		{ ".", false, true, 0, 0 },
	};
	own_fd dir = test_tmpdir();
	own(pipeline_logs) l = open_logs(dir);
	EXPECT_OK(append(l, 0, 30000));
	own(arena) a = arena_open((size_t)64 << 20);
	struct pipeline_found q;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pipeline_search s = { .text = str_of(cases[i].text),
					     .is_expression = cases[i].expression,
					     .ignore_case = cases[i].ignore_case,
					     .n = 50 };
		EXPECT_OK(pipeline_log_search(l, a, ID, &s, &any, &q));
		EXPECT(q.total == cases[i].total && q.n == MIN(q.total, 50u) && q.first == 0);
		EXPECT(!q.n || same_line(&q.lines[0], cases[i].first));
	}
	struct pipeline_search s = { .text = STR("Needle"), .from = 14, .n = 2 };
	struct pipeline_filter f = { .platforms = 1, .step = -1 };
	EXPECT_OK(pipeline_log_search(l, a, ID, &s, &f, &q));
	EXPECT(q.total == 1000 && q.n == 2 && same_line(&q.lines[0], 33) &&
	       same_line(&q.lines[1], 63) && q.first == 1);
	s = (struct pipeline_search){ .text = STR("Needle"), .skip = 998, .n = 3 };
	EXPECT_OK(pipeline_log_search(l, a, ID, &s, &f, &q));
	EXPECT(q.total == 1000 && q.n == 2 && q.first == 998 && same_line(&q.lines[0], 29943));
	s.skip = 1000;
	EXPECT_OK(pipeline_log_search(l, a, ID, &s, &f, &q));
	EXPECT(q.total == 1000 && q.n == 0 && q.first == 1000);
	s = (struct pipeline_search){ .text = STR("(a"), .is_expression = true, .n = 1 };
	EXPECT_ERR(pipeline_log_search(l, a, ID, &s, &any, &q), ERR_INVALID, "offset 2");
	s.text = STR("");
	EXPECT_ERR(pipeline_log_search(l, a, ID, &s, &any, &q), ERR_INVALID, NULL);
}

TEST(outline_has_every_line_once_in_runs)
{
	own_fd dir = test_tmpdir();
	own(pipeline_logs) l = open_logs(dir);
	own(arena) a = arena_open((size_t)64 << 20);
	struct pipeline_log_run *runs;
	size_t n;
	uint64_t next, at = 0;
	EXPECT_OK(append(l, 0, 10000)); /* some in frames, some in the tail */
	struct pipeline_line *lines;
	size_t n_lines;
	EXPECT_OK(pipeline_log_read(l, a, ID, 0, 10000, &any, &lines, &n_lines, &next));
	EXPECT(n_lines == 10000);
	for (uint64_t from = 0; from < 10000; from = next) {
		EXPECT_OK(pipeline_log_outline(l, a, ID, from, 7, &runs, &n, &next));
		EXPECT(n > 0 && n <= 7 && next > from);
		for (size_t i = 0; i < n; i++)
			for (uint64_t k = 0; k < runs[i].n_lines; k++, at++)
				EXPECT(lines[at].platform == runs[i].platform &&
				       lines[at].step == runs[i].step);
		EXPECT(at == next);
	}
	EXPECT_OK(pipeline_log_outline(l, a, ID, 10000, 7, &runs, &n, &next));
	EXPECT(n == 0 && next == 10000);
}

TEST(a_costly_expression_is_stopped)
{
	own_fd dir = test_tmpdir();
	own(pipeline_logs) l = open_logs(dir);
	own(arena) a = arena_open((size_t)64 << 20);
	struct pipeline_line line = {
		.text = STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")
	};
	struct pipeline_found found;
	EXPECT_OK(pipeline_log_append(l, ID, &line, 1));
	struct pipeline_search s = { .text = STR("^(a+)+$"), .is_expression = true, .n = 1 };
	struct err *e = pipeline_log_search(l, a, ID, &s, &any, &found);
	EXPECT(e && strcmp(err_code(e), "RULE_REGEX") == 0);
	EXPECT_ERR(e, ERR_LIMIT, "too long");
}

TEST(text_is_written_with_and_without_times)
{
	static const char *const platforms[] = { "linux/amd64", "linux/arm64", NULL };
	own_fd dir = test_tmpdir();
	own(pipeline_logs) l = open_logs(dir);
	struct pipeline_line in[] = {
		{ .text = STR("one"), .time_ms = 1764113570123, .platform = 2, .step = 5 },
		{ .text = STR("two"), .time_ms = 1764113570999 }
	};
	EXPECT_OK(pipeline_log_append(l, ID, in, 2));
	static const char *const want[] = { "one\ntwo\n",
					    "2025-11-25T23:32:50.123Z linux/arm64 #5 one\n"
					    "2025-11-25T23:32:50.999Z - #0 two\n" };
	for (int times = 0; times < 2; times++) {
		own_fd fd = -1;
		char text[200];
		size_t got;
		EXPECT_OK(pipeline_logs_temp(l, &fd));
		EXPECT_OK(pipeline_log_text(l, ID, &any, times, platforms, fd));
		EXPECT_OK(fd_pread_full(fd, text, sizeof(text), 0, &got));
		EXPECT_STR(str_n(text, got), want[times]);
	}
}

/* ---- crashes ---- */

static void child_appends(int dir, int ack)
{
	struct pipeline_logs *l;
	uint64_t n = 0;
	err_free(pipeline_logs_open(dir, &l));
	err_free(pipeline_log_count(l, ID, &n));
	for (unsigned i = 0;; i++) {
		size_t batch = 1 + (i * 37) % 600;
		struct err *e = append(l, n, batch);
		if (e)
			_exit(1);
		n += batch;
		if (write(ack, &n, sizeof(n)) != sizeof(n))
			_exit(1);
		if (i % 200 == 199)
			err_free(pipeline_log_close(l, ID));
	}
}

TEST(a_killed_writer_loses_and_doubles_nothing)
{
	own_fd dir = test_tmpdir();
	uint64_t before = 0;
	for (int round = 0; round < 25; round++) {
		int ack[2];
		EXPECT(pipe2(ack, O_CLOEXEC) == 0);
		pid_t pid = fork();
		if (pid == 0)
			child_appends(dir, ack[1]);
		close(ack[1]);
		uint64_t acked = before, n;
		uint8_t random;
		random_bytes(&random, 1);
		usleep(2000 + random * 150u);
		kill(pid, SIGKILL);
		while (read(ack[0], &n, sizeof(n)) == sizeof(n))
			acked = n;
		close(ack[0]);
		int status;
		EXPECT(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
		own(pipeline_logs) l = open_logs(dir);
		EXPECT_OK(check_all(l, &n));
		EXPECT(n >= acked && n <= acked + 600);
		before = n;
	}
	EXPECT(before > 100);
}

static const char *const file_names[] = { "logs/0a/" ID ".log", "logs/0a/" ID ".tail" };

static void put_file(int dir, const char *name, const char *p, size_t len)
{
	own_fd fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	EXPECT_OK(fd_write_all(fd, p, len));
}

/* The frames are written, the tail still has the same lines. */
TEST(a_tail_that_is_in_frames_already_does_not_count_twice)
{
	own_fd dir = test_tmpdir();
	own_mem char *tail = NULL;
	size_t len;
	own(pipeline_logs) l = open_logs(dir);
	EXPECT_OK(append(l, 0, 4000));
	EXPECT_OK(fd_read_path(dir, file_names[1], 4 << 20, &tail, &len));
	EXPECT_OK(append(l, 4000, 10));
	EXPECT_OK(pipeline_log_close(l, ID)); /* one frame with 4010 lines */
	pipeline_logs_free(move(l));
	put_file(dir, file_names[1], tail, len);
	l = open_logs(dir);
	expect_lines(l, 4010);
	EXPECT_OK(append(l, 4010, 300));
	expect_lines(l, 4310);
	pipeline_logs_free(move(l));
	l = open_logs(dir);
	expect_lines(l, 4310);
}

/* Whatever is cut off a file: lines are there in order, or it is told that they are not. */
TEST(files_that_are_cut_off_are_told)
{
	own_fd dir = test_tmpdir();
	own_mem char *log = NULL, *tail = NULL;
	size_t log_len, tail_len;
	own(pipeline_logs) l = open_logs(dir);
	EXPECT_OK(append(l, 0, 4096));
	EXPECT_OK(append(l, 4096, 5));
	EXPECT_OK(append(l, 4101, 5));
	EXPECT_OK(fd_read_path(dir, file_names[0], 4 << 20, &log, &log_len));
	EXPECT_OK(fd_read_path(dir, file_names[1], 4 << 20, &tail, &tail_len));
	pipeline_logs_free(move(l));
	for (size_t cut = 0; cut <= tail_len; cut++) {
		uint64_t n;
		put_file(dir, file_names[1], tail, cut);
		l = open_logs(dir);
		EXPECT_OK(check_all(l, &n));
		EXPECT(n == 4096 || n == 4101 || n == 4106);
		EXPECT(n == 4096 || cut > LOG_TAIL_HEAD_BYTES + 5 * 24);
		EXPECT_OK(append(l, n, 7));
		expect_lines(l, n + 7);
		pipeline_logs_free(move(l));
		l = open_logs(dir);
		expect_lines(l, n + 7);
		pipeline_logs_free(move(l));
	}
	put_file(dir, file_names[1], tail, tail_len);
	for (size_t cut = 0; cut < log_len; cut += 1 + log_len / 300) {
		uint64_t n;
		put_file(dir, file_names[0], log, cut);
		l = open_logs(dir);
		EXPECT_ERR(check_all(l, &n), ERR_CORRUPT, "missing");
		pipeline_logs_free(move(l));
	}
}

TEST(changed_bytes_are_told)
{
	own_fd dir = test_tmpdir();
	own(pipeline_logs) l = open_logs(dir);
	EXPECT_OK(append(l, 0, 9000));
	EXPECT_OK(append(l, 9000, 50));
	pipeline_logs_free(move(l));
	for (size_t which = 0; which < 2; which++) {
		own_mem char *p = NULL;
		size_t len;
		EXPECT_OK(fd_read_path(dir, file_names[which], 4 << 20, &p, &len));
		for (size_t i = 0; i < len; i += 1 + len / 400) {
			uint64_t n = 0;
			p[i] ^= (char)(1 << i % 8);
			put_file(dir, file_names[which], p, len);
			l = open_logs(dir);
			struct err *e = check_all(l, &n);
			EXPECT(e ? e->kind == ERR_CORRUPT : n == 9050 || n == 9000);
			err_free(e);
			pipeline_logs_free(move(l));
			p[i] ^= (char)(1 << i % 8);
		}
		put_file(dir, file_names[which], p, len);
	}
}

/* ---- followers ---- */

struct waiter {
	struct pipeline_follower f;
	atomic_uint woken;
};

static void count_wake(struct pipeline_follower *f)
{
	atomic_fetch_add(&container_of(f, struct waiter, f)->woken, 1);
}

TEST(followers_are_woken_once_by_lines_and_pokes)
{
	own_fd dir = test_tmpdir();
	own(pipeline_logs) l = open_logs(dir);
	struct waiter w[3] = { { { 0 } } };
	for (size_t i = 0; i < 3; i++)
		w[i].f.wake = count_wake;
	uint64_t pokes = pipeline_log_pokes(l, ID);
	pipeline_log_wait(l, ID, 0, pokes, &w[0].f);
	pipeline_log_wait(l, ID, 5, pokes, &w[1].f);
	pipeline_log_wait(l, ID, 0, pokes, &w[2].f);
	pipeline_log_forget(l, &w[2].f);
	pipeline_log_forget(l, &w[2].f);
	EXPECT(atomic_load(&w[0].woken) == 0);
	EXPECT_OK(append(l, 0, 1));
	EXPECT_OK(append(l, 1, 1));
	EXPECT(atomic_load(&w[0].woken) == 1 && atomic_load(&w[2].woken) == 0);
	pipeline_log_wait(l, ID, 1, pokes, &w[0].f);
	EXPECT(atomic_load(&w[0].woken) == 2); /* at once */
	pipeline_log_wait(l, ID, 2, pokes, &w[0].f);
	pipeline_log_poke(l, ID);
	EXPECT(atomic_load(&w[0].woken) == 3);
	EXPECT(pipeline_log_pokes(l, ID) != pokes);
	pipeline_log_wait(l, ID, 2, pokes, &w[0].f);
	EXPECT(atomic_load(&w[0].woken) == 4);
	pipeline_log_wait(l, ID, 2, pipeline_log_pokes(l, ID), &w[0].f);
	EXPECT_OK(pipeline_log_close(l, ID));
	EXPECT(atomic_load(&w[0].woken) == 5);
	pipeline_log_forget(l, &w[1].f);
}

TEST(pokes_are_seen_though_the_log_left_memory)
{
	own_fd dir = test_tmpdir();
	own(pipeline_logs) l = open_logs(dir);
	EXPECT_OK(append(l, 0, 3));
	uint64_t pokes = pipeline_log_pokes(l, ID);
	for (int i = 0; i < 3 * LOG_IDLE; i++) {
		uint64_t n;
		EXPECT_OK(pipeline_log_count(l, random_uuid().s, &n));
	}
	EXPECT(l->n_idle == LOG_IDLE);
	pipeline_log_poke(l, ID);
	struct waiter w = { .f = { .wake = count_wake } };
	pipeline_log_wait(l, ID, 3, pokes, &w.f);
	EXPECT(atomic_load(&w.woken) == 1);
	expect_lines(l, 3);
	uint64_t n;
	EXPECT_ERR(pipeline_log_count(l, "../../../etc/passwd", &n), ERR_INVALID, NULL);
	EXPECT_OK(pipeline_log_count(l, "0A0B0C0D-1111-4222-8333-444455556666", &n));
	EXPECT(n == 3);
}

/* ---- threads ---- */

struct crowd {
	struct pipeline_logs *l;
	uint64_t want;
	atomic_uint n_wrong;
};

struct sleeper {
	struct pipeline_follower f;
	struct mutex lock;
	struct cond wake;
	bool woken; /* guarded */
};

static void wake_sleeper(struct pipeline_follower *f)
{
	struct sleeper *s = container_of(f, struct sleeper, f);
	hold(&s->lock);
	s->woken = true;
	cond_signal(&s->wake);
}

static void *follow(void *arg)
{
	struct crowd *c = arg;
	struct sleeper s = { .f = { .wake = wake_sleeper } };
	mutex_init(&s.lock);
	cond_init(&s.wake);
	for (uint64_t at = 0; at < c->want;) {
		own(arena) a = arena_open((size_t)64 << 20);
		struct pipeline_line *out;
		size_t n;
		uint64_t pokes = pipeline_log_pokes(c->l, ID);
		struct err *e = pipeline_log_read(c->l, a, ID, at, 100, &any, &out, &n, &at);
		for (size_t i = 0; !e && i < n; i++)
			if (!same_line(&out[i], at - n + i))
				atomic_fetch_add(&c->n_wrong, 1);
		if (e)
			atomic_fetch_add(&c->n_wrong, 1);
		err_free(e);
		if (n || at >= c->want)
			continue;
		s.woken = false;
		pipeline_log_wait(c->l, ID, at, pokes, &s.f);
		mutex_lock(&s.lock);
		while (!s.woken)
			cond_wait(&s.wake, &s.lock);
		mutex_unlock(&s.lock);
	}
	pipeline_log_forget(c->l, &s.f);
	cond_done(&s.wake);
	mutex_done(&s.lock);
	return NULL;
}

static void *search_often(void *arg)
{
	struct crowd *c = arg;
	for (uint64_t count = 0; count < c->want;) {
		own(arena) a = arena_open((size_t)64 << 20);
		struct pipeline_line *out;
		struct pipeline_found found;
		size_t n;
		struct pipeline_search s = { .text = STR("Needle"), .n = 10 };
		err_free(pipeline_log_search(c->l, a, ID, &s, &any, &found));
		err_free(pipeline_log_tail(c->l, a, ID, 10, &any, &out, &n));
		err_free(pipeline_log_count(c->l, ID, &count));
	}
	return NULL;
}

TEST(many_read_while_one_writes)
{
	own_fd dir = test_tmpdir();
	own(pipeline_logs) l = open_logs(dir);
	struct crowd c = { .l = l, .want = 30000 };
	pthread_t t[6];
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		EXPECT_OK(thread_start(&t[i], "reader", i ? follow : search_often, &c));
	for (uint64_t n = 0; n < c.want; n += 30)
		EXPECT_OK(append(l, n, 30));
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	EXPECT(atomic_load(&c.n_wrong) == 0);
	expect_lines(l, c.want);
}

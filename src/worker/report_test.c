#include "worker/report.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "codec/json.h"

/* A graph of one step for both platforms and one for the second only. */
struct fixture {
	struct graph_step shared, second;
	struct graph_step *steps[2];
	struct graph_image images[2];
	struct graph graph;
	struct oci_platform platforms[2];
	int fd; /* owned; what was written */
	struct worker_report *r;
};

static void fixture_init(struct fixture *f)
{
	*f = (struct fixture){ .fd = -1 };
	EXPECT_OK(oci_platform_parse(STR("linux/amd64"), &f->platforms[0]));
	EXPECT_OK(oci_platform_parse(STR("linux/arm64"), &f->platforms[1]));
	f->shared = (struct graph_step){ .kind = GRAPH_RUN,
					 .line = 2,
					 .stage = "a",
					 .text = "RUN x",
					 .wanted_by = { true, true } };
	f->second = (struct graph_step){ .kind = GRAPH_RUN,
					 .index = 1,
					 .line = 3,
					 .stage = "b",
					 .text = "RUN y",
					 .wanted_by = { false, true } };
	f->steps[0] = &f->shared;
	f->steps[1] = &f->second;
	f->images[0].platform = f->platforms[0];
	f->images[1].platform = f->platforms[1];
	f->graph = (struct graph){
		.steps = f->steps, .n_steps = 2, .images = f->images, .n_images = 2
	};
	own_fd dir = test_tmpdir();
	f->fd = openat(dir, "events", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	f->r = worker_report_open(f->fd, 10, f->platforms, 2);
	worker_report_event(f->r,
			    &(struct executor_event){ .kind = EXECUTOR_GRAPH, .graph = &f->graph });
}

static void fixture_done(struct fixture *f)
{
	worker_report_free(f->r);
	fd_close_own(&f->fd);
}

/* All that was written so far, a JSON array. */
static json_t *events(struct fixture *f)
{
	own_mem char *text = NULL;
	size_t len;
	lseek(f->fd, 0, SEEK_SET);
	EXPECT_OK(fd_read_file(f->fd, 1 << 24, &text, &len));
	json_t *list = json_array();
	for (struct str rest = str_n(text, len); rest.len;) {
		json_t *j = NULL;
		EXPECT_OK(json_read(str_cut(&rest, '\n'), &j));
		json_array_append_new(list, j);
	}
	return list;
}

static const char *text_at(json_t *list, size_t i, const char *key)
{
	return json_string_value(json_object_get(json_array_get(list, i), key)) ?: "";
}

static void output(struct fixture *f, struct graph_step *g, struct str text)
{
	worker_report_event(f->r, &(struct executor_event){
					  .kind = EXECUTOR_STEP_OUTPUT, .step = g, .text = text });
}

static void ended(struct fixture *f, struct graph_step *g)
{
	worker_report_event(f->r, &(struct executor_event){ .kind = EXECUTOR_STEP_ENDED,
							    .step = g,
							    .outcome = EXECUTOR_DONE });
}

TEST(steps_are_numbered_behind_those_of_other_leases)
{
	struct fixture f;
	fixture_init(&f);
	worker_report_event(
		f.r, &(struct executor_event){ .kind = EXECUTOR_STEP_STARTED, .step = &f.second });
	own_json j = events(&f);
	EXPECT_STR(str_of(text_at(j, 0, "type")), "steps");
	json_t *steps = json_object_get(json_array_get(j, 0), "steps");
	EXPECT(json_array_size(steps) == 2);
	EXPECT(json_integer_value(json_object_get(json_array_get(steps, 1), "step")) == 12);
	EXPECT_STR(str_of(text_at(j, 1, "type")), "job"); /* its platform runs, and only it */
	EXPECT_STR(str_of(text_at(j, 1, "platform")), "linux/arm64");
	EXPECT_STR(str_of(text_at(j, 2, "state")), "running");
	EXPECT(json_array_size(j) == 3);
	fixture_done(&f);
}

TEST(lines_are_whole_lines_however_they_come)
{
	struct fixture f;
	fixture_init(&f);
	output(&f, &f.second, STR("one\ntw"));
	output(&f, &f.second, STR("o\n\n50%\r100%\nlast"));
	ended(&f, &f.second);
	own_json j = events(&f);
	EXPECT_STR(str_of(text_at(j, 1, "text")), "one");
	EXPECT_STR(str_of(text_at(j, 1, "platform")), "linux/arm64");
	EXPECT_STR(str_of(text_at(j, 2, "text")), "two");
	EXPECT_STR(str_of(text_at(j, 3, "text")), "");
	EXPECT_STR(str_of(text_at(j, 4, "text")), "50%\r100%");
	EXPECT_STR(str_of(text_at(j, 5, "text")), "last");
	fixture_done(&f);
}

TEST(a_shared_step_is_of_no_one_platform)
{
	struct fixture f;
	fixture_init(&f);
	output(&f, &f.shared, STR("x\n"));
	own_json j = events(&f);
	EXPECT_STR(str_of(text_at(j, 1, "platform")), "");
	fixture_done(&f);
}

TEST(long_lines_are_split_between_characters)
{
	struct fixture f;
	fixture_init(&f);
	struct buf b;
	buf_init(&b, 1 << 20);
	buf_add_c(&b, 'x'); /* so that the bound falls into a character */
	for (size_t i = 0; i < REPORT_LINE_BYTES; i++)
		buf_add(&b, STR("ä"));
	buf_add_c(&b, '\n');
	for (size_t i = 0; i < b.len; i += 1000)
		output(&f, &f.second, str_first(str_skip(buf_str(&b), i), 1000));
	own_json j = events(&f);
	size_t total = 0;
	EXPECT(json_array_size(j) == 1 + 3);
	for (size_t i = 1; i < json_array_size(j); i++) {
		const char *text = text_at(j, i, "text");
		EXPECT(strlen(text) <= REPORT_LINE_BYTES);
		EXPECT(!strstr(text, "\xef\xbf\xbd")); /* no character was cut */
		total += strlen(text);
	}
	EXPECT(total == b.len - 1);
	buf_done(&b);
	fixture_done(&f);
}

TEST(bytes_that_are_no_text_become_replacement_characters)
{
	struct fixture f;
	fixture_init(&f);
	output(&f, &f.second, STR("a\0b\xff\n"));
	own_json j = events(&f); /* read as strictly as the server reads */
	EXPECT_STR(str_of(text_at(j, 1, "text")), "a\xef\xbf\xbd"
						  "b\xef\xbf\xbd");
	fixture_done(&f);
}

TEST(a_job_ends_once)
{
	struct fixture f;
	fixture_init(&f);
	worker_report_failed(f.r, &f.platforms[0], "STEP_FAILED", NULL, "it failed");
	worker_report_canceled(f.r, &f.platforms[0]);
	worker_report_pushing(f.r, &f.platforms[0]);
	own_json j = events(&f);
	EXPECT(json_array_size(j) == 3); /* steps, running, failed */
	EXPECT_STR(str_of(text_at(j, 1, "state")), "running");
	EXPECT_STR(str_of(text_at(j, 2, "state")), "failed");
	fixture_done(&f);
}

TEST(why_a_job_failed_is_told_whole)
{
	struct fixture f;
	fixture_init(&f);
	worker_report_failed(f.r, &f.platforms[0], "A\"B", "Say \"it\".\n", "no\xff");
	worker_report_failed(f.r, &f.platforms[1], "C", NULL, "");
	own_json j = events(&f);
	json_t *first = json_object_get(json_array_get(j, 2), "error"),
	       *second = json_object_get(json_array_get(j, 4), "error");
	EXPECT_STR(str_of(json_string_value(json_object_get(first, "code"))), "A\"B");
	EXPECT_STR(str_of(json_string_value(json_object_get(first, "remedy"))), "Say \"it\".\n");
	EXPECT_STR(str_of(json_string_value(json_object_get(first, "text"))), "no\xef\xbf\xbd");
	EXPECT_STR(str_of(json_string_value(json_object_get(second, "code"))), "C");
	EXPECT(!json_object_get(second, "remedy"));
	fixture_done(&f);
}

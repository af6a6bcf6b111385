#include "worker/outbox.h"

#include "base/test.h"
#include "base/time.h"
#include "codec/json.h"

static void add(struct outbox *o, unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++) {
		own_mem char *text = mem_printf("{\"n\":%u}", i);
		outbox_add(o, str_of(text));
	}
}

/* The batch is JSON; gives the number of its first event and how many it has. */
static size_t batch(struct outbox *o, uint64_t *seq)
{
	size_t len;
	own_mem char *text = outbox_batch(o, &len);
	own_json j = NULL;
	EXPECT_OK(json_read(str_n(text, len), &j));
	EXPECT_OK(json_get_u64(j, "seq", UINT32_MAX, seq));
	json_t *events = json_object_get(j, "events");
	if (json_array_size(events))
		EXPECT(json_integer_value(json_object_get(json_array_get(events, 0), "n")) ==
		       (json_int_t)*seq);
	return json_array_size(events);
}

TEST(events_are_numbered_and_kept_until_they_are_acknowledged)
{
	struct outbox o;
	uint64_t seq;
	outbox_init(&o);
	add(&o, 0, 3);
	EXPECT(batch(&o, &seq) == 3 && seq == 0);
	EXPECT(batch(&o, &seq) == 3 && seq == 0); /* no answer: the same again */
	EXPECT(outbox_acknowledge(&o, 2));
	add(&o, 3, 1);
	EXPECT(batch(&o, &seq) == 2 && seq == 2);
	EXPECT(outbox_acknowledge(&o, 2)); /* an answer that came twice */
	EXPECT(outbox_acknowledge(&o, 4));
	EXPECT(batch(&o, &seq) == 0 && seq == 4);
	EXPECT(!outbox_acknowledge(&o, 5)); /* never sent */
	EXPECT(!outbox_acknowledge(&o, 3)); /* given away */
	outbox_done(&o);
}

TEST(a_batch_has_bounds)
{
	struct outbox o;
	uint64_t seq;
	outbox_init(&o);
	add(&o, 0, OUTBOX_BATCH_EVENTS + 5);
	EXPECT(batch(&o, &seq) == OUTBOX_BATCH_EVENTS);
	EXPECT(outbox_acknowledge(&o, OUTBOX_BATCH_EVENTS));
	EXPECT(batch(&o, &seq) == 5 && seq == OUTBOX_BATCH_EVENTS);
	EXPECT(outbox_acknowledge(&o, OUTBOX_BATCH_EVENTS + 5));
	own_mem char *big = mem_zalloc(OUTBOX_EVENT_BYTES);
	memset(big, ' ', OUTBOX_EVENT_BYTES);
	memcpy(big, "{\"n\":1005}", 10);
	outbox_add(&o, str_n(big, OUTBOX_EVENT_BYTES));
	outbox_add(&o, str_n(big, OUTBOX_EVENT_BYTES));
	EXPECT(batch(&o, &seq) == 1); /* both would be more than the server reads */
	outbox_done(&o);
}

TEST(it_is_full_at_its_bound_and_room_comes_with_answers)
{
	struct outbox o;
	outbox_init(&o);
	own_mem char *big = mem_zalloc(OUTBOX_EVENT_BYTES);
	memset(big, ' ', OUTBOX_EVENT_BYTES);
	unsigned n = 0;
	while (!outbox_full(&o) && n < 1000) {
		outbox_add(&o, str_n(big, OUTBOX_EVENT_BYTES));
		n++;
	}
	EXPECT(n == OUTBOX_FULL_BYTES / OUTBOX_EVENT_BYTES);
	EXPECT(outbox_acknowledge(&o, 1));
	EXPECT(!outbox_full(&o));
	outbox_done(&o);
}

TEST(what_was_closed_is_sent_and_then_it_is_over)
{
	struct outbox o;
	outbox_init(&o);
	add(&o, 0, 1);
	outbox_close(&o);
	EXPECT(outbox_wait(&o, time_mono_ms() + 1000000)); /* at once */
	EXPECT(outbox_acknowledge(&o, 1));
	EXPECT(!outbox_wait(&o, 0));
	outbox_done(&o);
}

TEST(what_was_dropped_is_gone_and_takes_nothing)
{
	struct outbox o;
	uint64_t seq;
	outbox_init(&o);
	add(&o, 0, 5);
	outbox_drop(&o);
	add(&o, 5, 5);
	EXPECT(batch(&o, &seq) == 0);
	EXPECT(!outbox_wait(&o, 0));
	outbox_done(&o);
}

static void *add_slowly(void *arg)
{
	struct outbox *o = arg;
	add(o, 0, 20000);
	outbox_close(o);
	return NULL;
}

TEST(one_adds_while_another_sends)
{
	struct outbox o;
	pthread_t t;
	uint64_t total = 0, seq;
	outbox_init(&o);
	EXPECT_OK(thread_start(&t, "add", add_slowly, &o));
	while (outbox_wait(&o, 0)) {
		total += batch(&o, &seq);
		EXPECT(outbox_acknowledge(&o, total));
	}
	pthread_join(t, NULL);
	EXPECT(total == 20000);
	outbox_done(&o);
}

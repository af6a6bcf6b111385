/* Rows written by hand, so that every byte is known: manifests m1… of 1 byte, layers of powers of
 * ten. */
#include "catalog/held.h"

#include <stdio.h>
#include <unistd.h>

#include "base/test.h"
#include "base/time.h"

#define REPO STR("demo/app")
#define NOW  1000

struct world {
	int data_fd;
	struct db *db;
	struct catalog *c;
};

static struct world open_world(void)
{
	struct world w = { .data_fd = test_tmpdir() };
	own_mem char *path = mem_printf("/proc/self/fd/%d/kiln.db", w.data_fd);
	EXPECT_OK(db_open(path, &w.db));
	EXPECT_OK(catalog_open(w.db, w.data_fd, &w.c));
	EXPECT_OK(db_exec(w.db, "INSERT INTO repository VALUES ('demo/app', 1)", DB_NO_PARAMS));
	return w;
}

static void close_world(struct world *w)
{
	catalog_free(w->c);
	db_free(w->db);
	close(w->data_fd);
}

static void blob(struct world *w, const char *digest, int64_t size, int64_t linked)
{
	EXPECT_OK(db_exec(w->db, "INSERT INTO repository_blob VALUES ('demo/app', $1, $2, $3)",
			  DB_PARAMS(db_cstr(digest), db_int(size), db_int(linked))));
}

/* `refers`: digests with blanks between them; `subject` may be NULL. */
static void manifest(struct world *w, const char *digest, int64_t used, const char *refers,
		     const char *subject)
{
	EXPECT_OK(db_exec(
		w->db,
		"INSERT INTO manifest (repository, digest, media_type, size, subject,"
		" created_ns) VALUES ('demo/app', $1, 't', 1, $2, $3)",
		DB_PARAMS(db_cstr(digest), subject ? db_cstr(subject) : db_null(), db_int(used))));
	int64_t position = 0;
	for (struct str rest = str_of(refers); rest.p && rest.len;) {
		struct str one = str_cut(&rest, ' ');
		EXPECT_OK(db_exec(
			w->db,
			"INSERT INTO manifest_reference VALUES ('demo/app', $1, $2, 'blob', $3)",
			DB_PARAMS(db_cstr(digest), db_int(position++), db_text(one))));
	}
}

static void tag(struct world *w, const char *name, const char *digest, int64_t pushed)
{
	EXPECT_OK(db_exec(w->db,
			  "INSERT INTO tag (repository, name, digest, created_ns, updated_ns)"
			  " VALUES ('demo/app', $1, $2, $3, $3)",
			  DB_PARAMS(db_cstr(name), db_cstr(digest), db_int(pushed))));
}

/* An old and a new tag share the base layer; an index over two images; a signature; leftovers. */
static void fill(struct world *w)
{
	blob(w, "base", 10, 1);
	blob(w, "old", 100, 1);
	blob(w, "new", 1000, 1);
	blob(w, "left", 10000, 1);
	blob(w, "loose", 100000, 1);
	blob(w, "fresh", 1000000, NOW);
	manifest(w, "m-new", 1, "base new", NULL);
	manifest(w, "m-child", 1, "base old", NULL);
	manifest(w, "m-index", 1, "m-child m-foreign", NULL);
	manifest(w, "m-signature", 1, "", "m-index");
	manifest(w, "m-left", 1, "base left", NULL);
	manifest(w, "m-left-signature", 1, "", "m-left");
	tag(w, "a-old", "m-index", 5);
	tag(w, "b-new", "m-new", 6);
}

static struct catalog_held_weight weigh(struct world *w, bool a, bool b, int64_t unneeded)
{
	own(catalog_held) h = NULL;
	struct catalog_held_weight out;
	EXPECT_OK(catalog_held_read(w->c, REPO, true, &h));
	EXPECT(h->n_tags == 2 && h->tags[0].pushed_ns == 5);
	EXPECT_STR(str_of(h->tags[0].name), "a-old");
	catalog_held_weigh(h, (const bool[]){ a, b }, unneeded, &out);
	return out;
}

TEST(only_what_no_other_needs_is_weighed)
{
	struct world w = open_world();
	fill(&w);
	struct catalog_held_weight got = weigh(&w, true, false, INT64_MIN);
	EXPECT(got.tag_bytes == 100 + 3); /* its layer, index, child, signature */
	EXPECT(!got.n_manifests && !got.n_blobs && !got.bytes);
	EXPECT(weigh(&w, false, true, INT64_MIN).tag_bytes == 1000 + 1);
	/* What has no tag stays, and needs the base. */
	EXPECT(weigh(&w, true, true, INT64_MIN).tag_bytes == 1000 + 100 + 4);
	/* Now it goes too: the base is no longer needed by it. */
	got = weigh(&w, true, true, NOW);
	EXPECT(got.tag_bytes == 10 + 1000 + 100 + 4);
	EXPECT(got.n_manifests == 2 && got.n_blobs == 2 && got.bytes == 2 + 10000 + 100000);
	EXPECT(weigh(&w, false, false, 1).n_manifests == 0);
	close_world(&w);
}

/* ---- removing ---- */

struct sweeping {
	const char *goes; /* of the tags; NULL: none */
	char removed[100];
	size_t n_tags, n_manifests, n_blobs;
	bool stop;
};

static struct err *judge(void *arg, struct db_tx *tx, const struct catalog_held_tag *tags, size_t n,
			 bool *goes, bool *stop)
{
	struct sweeping *s = arg;
	(void)tx;
	for (size_t i = 0; i < n; i++)
		goes[i] = s->goes && strstr(s->goes, tags[i].name);
	*stop = s->stop;
	return NULL;
}

static struct err *removed(void *arg, struct db_tx *tx, const struct catalog_held_tag *t)
{
	struct sweeping *s = arg;
	(void)tx;
	size_t len = strlen(s->removed);
	snprintf(s->removed + len, sizeof(s->removed) - len, "%s ", t->name);
	return NULL;
}

static struct err *ended(void *arg, struct db_tx *tx, size_t n_tags, size_t n_manifests,
			 size_t n_blobs, bool *stop)
{
	struct sweeping *s = arg;
	(void)tx;
	s->n_tags += n_tags;
	s->n_manifests += n_manifests;
	s->n_blobs += n_blobs;
	*stop = s->stop;
	return NULL;
}

static struct catalog_sweep sweep_of(struct sweeping *s, size_t most)
{
	return (struct catalog_sweep){ .repository = REPO,
				       .judge = judge,
				       .removed = removed,
				       .ended = ended,
				       .arg = s,
				       .most = most };
}

static bool see_int(void *arg, struct db_row *r)
{
	*(int64_t *)arg = db_row_int(r, 0);
	return false;
}

static int64_t count(struct world *w, const char *what)
{
	int64_t n = -1;
	own_mem char *sql = mem_printf("SELECT COUNT(*) FROM %s", what);
	EXPECT_OK(db_query(w->db, sql, DB_NO_PARAMS, see_int, &n));
	return n;
}

TEST(tags_go_a_bounded_number_at_once_or_none_if_it_stops)
{
	struct world w = open_world();
	fill(&w);
	size_t n;
	struct sweeping s = { .goes = "a-old b-new", .stop = true };
	struct catalog_sweep q = sweep_of(&s, 1);
	EXPECT_OK(catalog_sweep_tags(w.c, &q, &n));
	EXPECT(!n && count(&w, "tag") == 2);
	s.stop = false;
	uint64_t before = catalog_generation(w.c);
	EXPECT_OK(catalog_sweep_tags(w.c, &q, &n));
	EXPECT(n == 1 && count(&w, "tag") == 1 && catalog_generation(w.c) != before);
	EXPECT_OK(catalog_sweep_tags(w.c, &q, &n));
	EXPECT_OK(catalog_sweep_tags(w.c, &q, &n));
	EXPECT(!n && !count(&w, "tag") && s.n_tags == 2);
	EXPECT_STR(str_of(s.removed), "a-old b-new ");
	close_world(&w);
}

static void sweep_all(struct world *w, struct sweeping *s, int64_t before)
{
	struct catalog_sweep q = sweep_of(s, 1);
	size_t n;
	do
		EXPECT_OK(catalog_sweep_unneeded(w->c, &q, before, &n));
	while (n);
}

TEST(unneeded_manifests_go_with_their_signatures_and_layers)
{
	struct world w = open_world();
	fill(&w);
	struct sweeping s = { .goes = "a-old" };
	sweep_all(&w, &s, 1);
	EXPECT(!s.n_manifests && !s.n_blobs);
	sweep_all(&w, &s, NOW);
	EXPECT(s.n_manifests == 2 && s.n_blobs == 2 && count(&w, "manifest") == 4);
	EXPECT(count(&w, "repository_blob WHERE digest IN ('base', 'old', 'new', 'fresh')") == 4);
	/* A manifest is young again when its tag goes, whatever its age. */
	size_t n;
	struct catalog_sweep q = sweep_of(&s, 1);
	EXPECT_OK(catalog_sweep_tags(w.c, &q, &n));
	sweep_all(&w, &s, NOW);
	EXPECT(n == 1 && s.n_manifests == 2 && count(&w, "manifest") == 4);
	sweep_all(&w, &s, time_now_unix_ns() + 1);
	EXPECT(s.n_manifests == 5 && count(&w, "manifest WHERE digest = 'm-new'") == 1);
	EXPECT(count(&w, "manifest") == 1 && count(&w, "manifest_reference") == 2);
	EXPECT(count(&w, "repository_blob") == 2);
	close_world(&w);
}

/* ---- times ---- */

static int64_t time_of(struct world *w, const char *sql)
{
	int64_t t = -1;
	EXPECT_OK(db_query(w->db, sql, DB_NO_PARAMS, see_int, &t));
	return t;
}

TEST(a_push_of_what_is_there_renews_tag_and_manifest)
{
	struct world w = open_world();
	struct oci_document doc = { .kind = OCI_DOCUMENT_INDEX };
	struct catalog_put put = { .digest = oci_digest_of_bytes("x", 1),
				   .media_type = OCI_TYPE_INDEX,
				   .size = 1,
				   .doc = &doc };
	const char *tags[] = { "latest" };
	for (int i = 0; i < 2; i++) {
		EXPECT_OK(catalog_publish(w.c, REPO, &put, 1, tags, 1, true, NULL, NULL, NULL));
		EXPECT(time_of(&w, "SELECT pushed_ns FROM tag") > 1000);
		if (!i)
			EXPECT_OK(db_exec(w.db, "UPDATE tag SET pushed_ns = 5, updated_ns = 4",
					  DB_NO_PARAMS));
		if (!i)
			EXPECT_OK(
				db_exec(w.db, "UPDATE manifest SET created_ns = 3", DB_NO_PARAMS));
	}
	EXPECT(time_of(&w, "SELECT updated_ns FROM tag") == 4);
	EXPECT(time_of(&w, "SELECT used_ns FROM manifest") > 1000);
	/* Within a minute nothing is written. */
	EXPECT_OK(db_exec(w.db, "UPDATE tag SET pushed_ns = pushed_ns - 1000000000", DB_NO_PARAMS));
	int64_t before = time_of(&w, "SELECT pushed_ns FROM tag");
	EXPECT_OK(catalog_publish(w.c, REPO, &put, 1, tags, 1, true, NULL, NULL, NULL));
	EXPECT(time_of(&w, "SELECT pushed_ns FROM tag") == before);
	close_world(&w);
}

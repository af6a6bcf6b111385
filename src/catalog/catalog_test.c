#include "catalog/catalog_priv.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/test.h"

#define REPO  STR("library/hello")
#define OTHER STR("library/other")

struct world {
	int data_fd;       /* owned */
	struct db *db;     /* owned */
	struct catalog *c; /* owned */
	struct arena *a;   /* owned */
};

static void world_done(struct world *w)
{
	catalog_free(w->c);
	db_free(w->db);
	arena_free(w->a);
	fd_close_own(&w->data_fd);
}

static void world_open(struct world *w)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d/kiln.db", w->data_fd);
	EXPECT_OK(db_open(path, &w->db));
	EXPECT_OK(catalog_open(w->db, w->data_fd, &w->c));
	w->a = arena_open(64 << 20);
}

static struct world new_world(void)
{
	struct world w = { .data_fd = test_tmpdir() };
	world_open(&w);
	return w;
}

static struct oci_digest digest(const char *text)
{
	return oci_digest_of_bytes(text, strlen(text));
}

static struct oci_descriptor descriptor(const char *type, const char *text)
{
	return (struct oci_descriptor){ .media_type = type,
					.digest = digest(text),
					.size = strlen(text) };
}

/* A manifest called `name`, of the configuration and layers that are given by their content. */
static struct catalog_put image(struct world *w, const char *name, const char *config,
				const char *const *layers, size_t n)
{
	struct oci_document *doc = arena_new(w->a, struct oci_document);
	doc->kind = OCI_DOCUMENT_MANIFEST;
	doc->config = descriptor(OCI_TYPE_CONFIG, config);
	doc->layers = arena_new_array(w->a, n, struct oci_descriptor);
	for (doc->n_layers = 0; doc->n_layers < n; doc->n_layers++)
		doc->layers[doc->n_layers] = descriptor(OCI_TYPE_LAYER_GZIP, layers[doc->n_layers]);
	return (struct catalog_put){ .digest = digest(name),
				     .media_type = OCI_TYPE_MANIFEST,
				     .size = strlen(name),
				     .doc = doc };
}

static struct catalog_put index_of(struct world *w, const char *name, const char *const *children,
				   size_t n)
{
	struct oci_document *doc = arena_new(w->a, struct oci_document);
	doc->kind = OCI_DOCUMENT_INDEX;
	doc->manifests = arena_new_array(w->a, n, struct oci_descriptor);
	for (doc->n_manifests = 0; doc->n_manifests < n; doc->n_manifests++)
		doc->manifests[doc->n_manifests] =
			descriptor(OCI_TYPE_MANIFEST, children[doc->n_manifests]);
	return (struct catalog_put){ .digest = digest(name),
				     .media_type = OCI_TYPE_INDEX,
				     .size = strlen(name),
				     .doc = doc };
}
#define TEXTS(...)                            \
	(const char *const[]){ __VA_ARGS__ }, \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)

static struct err *publish(struct world *w, struct str repository, const struct catalog_put *puts,
			   size_t n, const char *tag)
{
	return catalog_publish(w->c, repository, puts, n, &tag, tag ? 1 : 0, true, w->a, NULL,
			       NULL);
}

/* A simple image under a tag. */
static void put_image(struct world *w, struct str repository, const char *name, const char *tag)
{
	struct catalog_put put = image(w, name, "config", TEXTS("layer"));
	EXPECT_OK(publish(w, repository, &put, 1, tag));
}

static bool tag_is(struct world *w, struct str repository, const char *tag, const char *name)
{
	bool found;
	struct catalog_manifest m;
	struct oci_digest d = digest(name ? name : "");
	EXPECT_OK(catalog_tag_get(w->c, repository, str_of(tag), &found, &m));
	return name ? found && oci_digest_eq(&m.digest, &d) && m.size == strlen(name) : !found;
}

static bool has_manifest(struct world *w, struct str repository, const char *name)
{
	bool found;
	struct catalog_manifest m;
	struct oci_digest d = digest(name);
	EXPECT_OK(catalog_manifest_get(w->c, repository, &d, &found, &m));
	return found && oci_digest_eq(&m.digest, &d);
}

static bool linked(struct world *w, struct str repository, const char *text)
{
	bool found;
	struct oci_digest d = digest(text);
	EXPECT_OK(catalog_blob_linked(w->c, repository, &d, &found));
	return found;
}

static bool see_int(void *arg, struct db_row *r)
{
	*(int64_t *)arg = db_row_int(r, 0);
	return false;
}

static int64_t get_int(struct world *w, const char *sql)
{
	int64_t n = -1;
	EXPECT_OK(db_query(w->db, sql, DB_NO_PARAMS, see_int, &n));
	return n;
}

TEST(a_publish_is_found_under_its_tag_and_digest)
{
	done(world) w = new_world();
	bool found;
	EXPECT_OK(catalog_repository_exists(w.c, REPO, &found));
	EXPECT(!found);
	struct catalog_put puts[] = {
		image(&w, "amd64", "config amd64", TEXTS("base", "layer amd64")),
		image(&w, "arm64", "config arm64", TEXTS("base", "layer arm64")),
		index_of(&w, "index", TEXTS("amd64", "arm64")),
	};
	const char *const tags[] = { "latest", "1.0" };
	EXPECT_OK(catalog_publish(w.c, REPO, puts, 3, tags, 2, true, w.a, NULL, NULL));
	EXPECT_OK(catalog_repository_exists(w.c, REPO, &found));
	EXPECT(found);
	EXPECT(tag_is(&w, REPO, "latest", "index") && tag_is(&w, REPO, "1.0", "index"));
	EXPECT(tag_is(&w, REPO, "2.0", NULL));
	struct catalog_manifest m;
	EXPECT_OK(catalog_tag_get(w.c, REPO, STR("1.0"), &found, &m));
	EXPECT_STR(str_of(m.media_type), OCI_TYPE_INDEX);
	EXPECT(has_manifest(&w, REPO, "amd64") && has_manifest(&w, REPO, "arm64"));
	EXPECT(!has_manifest(&w, REPO, "config amd64"));
	EXPECT(linked(&w, REPO, "base") && linked(&w, REPO, "config arm64"));
	EXPECT(!linked(&w, REPO, "index"));
	EXPECT(get_int(&w, "SELECT COUNT(*) FROM manifest_reference") == 8);
}

TEST(a_tag_moves_and_the_old_manifest_stays)
{
	done(world) w = new_world();
	put_image(&w, REPO, "one", "latest");
	put_image(&w, REPO, "one", "1");
	put_image(&w, REPO, "two", "latest");
	EXPECT(tag_is(&w, REPO, "latest", "two") && tag_is(&w, REPO, "1", "one"));
	put_image(&w, REPO, "three", "1");
	EXPECT(has_manifest(&w, REPO, "one"));
	EXPECT(get_int(&w, "SELECT COUNT(*) FROM tag") == 2);
}

TEST(missing_references_are_listed_and_nothing_is_recorded)
{
	done(world) w = new_world();
	struct oci_digest layer = digest("layer"), gone = digest("gone"), config = digest("config"),
			  child = digest("child");
	EXPECT_OK(catalog_blob_link(w.c, REPO, &layer, 5));
	EXPECT_OK(catalog_blob_link(w.c, OTHER, &gone, 4)); /* in another repository: not here */
	struct catalog_put puts[] = {
		image(&w, "image", "config", TEXTS("layer", "gone", "gone")),
		index_of(&w, "index", TEXTS("image", "child")),
	};
	const char *const tags[] = { "latest" };
	struct oci_digest *missing;
	size_t n;
	EXPECT_ERR(catalog_publish(w.c, REPO, puts, 2, tags, 1, false, w.a, &missing, &n),
		   ERR_NOT_FOUND, oci_digest_text(&gone).s);
	EXPECT(n == 3 && oci_digest_eq(&missing[0], &config) && oci_digest_eq(&missing[1], &gone) &&
	       oci_digest_eq(&missing[2], &child));
	EXPECT(tag_is(&w, REPO, "latest", NULL) && !has_manifest(&w, REPO, "image"));
	bool found;
	EXPECT_OK(catalog_repository_exists(w.c, REPO, &found));
	EXPECT(!found);
	/* the engine's own publish brings blobs, but no manifests */
	EXPECT_ERR(catalog_publish(w.c, REPO, puts, 2, tags, 1, true, w.a, &missing, &n),
		   ERR_NOT_FOUND, oci_digest_text(&child).s);
	EXPECT(n == 1 && oci_digest_eq(&missing[0], &child) && !linked(&w, REPO, "gone"));
	EXPECT_OK(catalog_blob_link(w.c, REPO, &gone, 4));
	EXPECT_OK(catalog_blob_link(w.c, REPO, &config, 6));
	EXPECT_OK(catalog_publish(w.c, REPO, puts, 1, tags, 1, false, w.a, &missing, &n));
	EXPECT(n == 0 && tag_is(&w, REPO, "latest", "image"));
}

TEST(foreign_layers_and_subjects_may_be_absent)
{
	done(world) w = new_world();
	struct catalog_put put = image(&w, "image", "config", TEXTS("foreign"));
	struct oci_document *doc = (struct oci_document *)put.doc;
	doc->layers[0].has_urls = true;
	doc->has_subject = true;
	doc->subject = descriptor(OCI_TYPE_MANIFEST, "nobody");
	struct oci_digest config = digest("config");
	EXPECT_OK(catalog_blob_link(w.c, REPO, &config, 6));
	EXPECT_OK(catalog_publish(w.c, REPO, &put, 1, NULL, 0, false, w.a, NULL, NULL));
	EXPECT(has_manifest(&w, REPO, "image") && !linked(&w, REPO, "foreign"));
	/* an index may name what is no manifest: then it is a blob */
	struct catalog_put index = index_of(&w, "index", TEXTS("config", "image"));
	index.doc->manifests[0].media_type = "application/octet-stream";
	EXPECT_OK(catalog_publish(w.c, REPO, &index, 1, NULL, 0, false, w.a, NULL, NULL));
	index.doc->manifests[0].digest = digest("absent");
	index.digest = digest("index 2");
	EXPECT_ERR(catalog_publish(w.c, REPO, &index, 1, NULL, 0, false, w.a, NULL, NULL),
		   ERR_NOT_FOUND, NULL);
}

TEST(tags_are_listed_bytewise_and_by_pages)
{
	done(world) w = new_world();
	static const char *const sorted[] = { "1.0", "10", "9", "B", "_x", "a", "a-", "a.b", "b" };
	for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
		put_image(&w, REPO, "image", sorted[(i * 5) % ARRAY_LEN(sorted)]);
	put_image(&w, OTHER, "image", "aa");
	const char **tags;
	size_t n;
	EXPECT_OK(catalog_tag_list(w.c, w.a, REPO, STR(""), SIZE_MAX, &tags, &n));
	EXPECT(n == ARRAY_LEN(sorted));
	for (size_t i = 0; i < n; i++)
		EXPECT_STR(str_of(tags[i]), sorted[i]);
	struct str last = STR("");
	for (size_t seen = 0; seen < ARRAY_LEN(sorted); seen += n) {
		EXPECT_OK(catalog_tag_list(w.c, w.a, REPO, last, 4, &tags, &n));
		EXPECT(n == MIN((size_t)4, ARRAY_LEN(sorted) - seen));
		for (size_t i = 0; i < n; i++)
			EXPECT_STR(str_of(tags[i]), sorted[seen + i]);
		last = str_of(tags[n - 1]);
	}
	EXPECT_OK(catalog_tag_list(w.c, w.a, REPO, STR("a,"), 1, &tags, &n)); /* no tag itself */
	EXPECT(n == 1);
	EXPECT_STR(str_of(tags[0]), "a-");
	EXPECT_OK(catalog_tag_list(w.c, w.a, REPO, STR(""), 0, &tags, &n));
	EXPECT(n == 0);
	EXPECT_OK(catalog_tag_list(w.c, w.a, STR("nobody/here"), STR(""), 9, &tags, &n));
	EXPECT(n == 0);
	EXPECT_OK(catalog_repository_list(w.c, w.a, STR(""), 9, &tags, &n));
	EXPECT(n == 2);
	EXPECT_STR(str_of(tags[1]), "library/other");
	EXPECT_OK(catalog_repository_list(w.c, w.a, str_of(tags[0]), 9, &tags, &n));
	EXPECT(n == 1);
}

TEST(deleting_a_manifest_removes_its_tags_and_only_them)
{
	done(world) w = new_world();
	put_image(&w, REPO, "one", "latest");
	put_image(&w, REPO, "one", "1");
	put_image(&w, REPO, "two", "2");
	put_image(&w, OTHER, "one", "latest");
	bool found;
	struct oci_digest one = digest("one");
	EXPECT_OK(catalog_tag_delete(w.c, REPO, STR("1"), &found));
	EXPECT(found && tag_is(&w, REPO, "1", NULL) && has_manifest(&w, REPO, "one"));
	EXPECT_OK(catalog_tag_delete(w.c, REPO, STR("1"), &found));
	EXPECT(!found);
	put_image(&w, REPO, "one", "1");
	EXPECT_OK(catalog_manifest_delete(w.c, REPO, &one, &found));
	EXPECT(found && !has_manifest(&w, REPO, "one"));
	EXPECT(tag_is(&w, REPO, "latest", NULL) && tag_is(&w, REPO, "1", NULL));
	EXPECT(tag_is(&w, REPO, "2", "two") && tag_is(&w, OTHER, "latest", "one"));
	EXPECT_OK(catalog_manifest_delete(w.c, REPO, &one, &found));
	EXPECT(!found);
	EXPECT(get_int(&w, "SELECT COUNT(*) FROM manifest_reference") == 4);
}

TEST(repositories_do_not_see_each_other)
{
	done(world) w = new_world();
	put_image(&w, REPO, "image", "latest");
	struct oci_digest d = digest("image"), layer = digest("layer"), none = digest("none");
	EXPECT(tag_is(&w, OTHER, "latest", NULL) && !has_manifest(&w, OTHER, "image"));
	EXPECT(linked(&w, REPO, "layer") && !linked(&w, OTHER, "layer"));
	bool found;
	EXPECT_OK(catalog_blob_known(w.c, &layer, &found));
	EXPECT(found);
	EXPECT_OK(catalog_blob_known(w.c, &none, &found));
	EXPECT(!found);
	EXPECT_OK(catalog_manifest_delete(w.c, OTHER, &d, &found));
	EXPECT(!found && has_manifest(&w, REPO, "image"));
	EXPECT_OK(catalog_blob_unlink(w.c, OTHER, &layer, &found));
	EXPECT(!found && linked(&w, REPO, "layer"));
	EXPECT_OK(catalog_blob_unlink(w.c, REPO, &layer, &found));
	EXPECT(found && !linked(&w, REPO, "layer"));
	/* a name that is a prefix, or holds SQL */
	EXPECT(tag_is(&w, STR("library"), "latest", NULL));
	put_image(&w, STR("x' OR '1'='1"), "image", "it's");
	EXPECT(tag_is(&w, STR("x' OR '1'='1"), "it's", "image") && tag_is(&w, OTHER, "it's", NULL));
}

static void put_referrer(struct world *w, const char *name, const char *subject,
			 const char *artifact_type, const char *annotations)
{
	struct catalog_put put = image(w, name, "config", TEXTS("layer"));
	struct oci_document *doc = (struct oci_document *)put.doc;
	doc->has_subject = true;
	doc->subject = descriptor(OCI_TYPE_MANIFEST, subject);
	doc->artifact_type = artifact_type;
	doc->annotations_json = annotations;
	EXPECT_OK(publish(w, REPO, &put, 1, NULL));
}

TEST(referrers_are_found_before_and_behind_their_subject)
{
	done(world) w = new_world();
	struct oci_digest subject = digest("subject");
	struct oci_descriptor *list;
	size_t n;
	put_referrer(&w, "signature", "subject", "application/x-signature", "{\"a\":\"b\"}");
	put_referrer(&w, "sbom", "subject", NULL, NULL);
	put_referrer(&w, "unrelated", "other subject", NULL, NULL);
	for (int round = 0; round < 3; round++) { /* absent, present, deleted */
		bool found;
		if (round == 1)
			put_image(&w, REPO, "subject", "latest");
		if (round == 2)
			EXPECT_OK(catalog_manifest_delete(w.c, REPO, &subject, &found));
		EXPECT_OK(catalog_referrers(w.c, w.a, REPO, &subject, &list, &n));
		EXPECT(n == 2);
		struct oci_digest signature = digest("signature");
		size_t at = oci_digest_eq(&list[0].digest, &signature) ? 0 : 1;
		EXPECT_STR(str_of(list[at].artifact_type), "application/x-signature");
		EXPECT_STR(str_of(list[at].annotations_json), "{\"a\":\"b\"}");
		EXPECT_STR(str_of(list[at].media_type), OCI_TYPE_MANIFEST);
		EXPECT(list[at].size == strlen("signature"));
		EXPECT_STR(str_of(list[1 - at].artifact_type), OCI_TYPE_CONFIG);
		EXPECT(!list[1 - at].annotations_json);
	}
	EXPECT_OK(catalog_referrers(w.c, w.a, OTHER, &subject, &list, &n));
	EXPECT(n == 0);
}

TEST(referrers_come_in_pages_and_have_a_limit)
{
	done(world) w = new_world();
	struct oci_digest subject = digest("subject"), last;
	static char annotations[100000];
	memset(annotations, 'x', sizeof(annotations) - 1);
	for (int i = 0; i < 90; i++) {
		char name[16];
		snprintf(name, sizeof(name), "r%d", i);
		put_referrer(&w, name, "subject", NULL, annotations);
	}
	struct oci_descriptor *list;
	size_t n, sum = 0;
	EXPECT_ERR(catalog_referrers(w.c, w.a, REPO, &subject, &list, &n), ERR_LIMIT, "referrers");
	for (bool more = true; more; sum += n) {
		struct arena *a = arena_open(1 << 20); /* no more than that is needed */
		EXPECT_OK(catalog_referrers_page(w.c, a, REPO, &subject, sum ? &last : NULL,
						 1 << 20, &list, &n, &more));
		EXPECT(n == 10 || !more);
		last = list[n - 1].digest;
		arena_free(a);
	}
	EXPECT(sum == 90);
}

TEST(the_generation_grows_with_changes_only)
{
	done(world) w = new_world();
	uint64_t before = catalog_generation(w.c), now;
	bool found;
	put_image(&w, REPO, "one", "latest");
	EXPECT((now = catalog_generation(w.c)) > before);
	before = now;
	put_image(&w, REPO, "one", "latest"); /* nothing new */
	EXPECT_OK(catalog_tag_delete(w.c, REPO, STR("nothing"), &found));
	struct oci_digest layer = digest("layer");
	EXPECT_OK(catalog_blob_link(w.c, REPO, &layer, 5));
	EXPECT(catalog_generation(w.c) == before);
	EXPECT_OK(catalog_tag_delete(w.c, REPO, STR("latest"), &found));
	EXPECT((now = catalog_generation(w.c)) > before);
	before = now;
	pid_t pid = fork();
	if (pid == 0) { /* another process */
		struct world theirs = { .data_fd = w.data_fd };
		world_open(&theirs);
		put_image(&theirs, REPO, "two", "latest");
		_exit(0);
	}
	EXPECT(waitpid(pid, NULL, 0) == pid);
	EXPECT(catalog_generation(w.c) > before);
	EXPECT(tag_is(&w, REPO, "latest", "two"));
}

TEST(an_answer_of_the_moment_of_a_change_is_never_current)
{
	done(world) w = new_world();
	catalog_generation_enter(&w.c->generation); /* and killed */
	uint64_t first = catalog_generation(w.c), second = catalog_generation(w.c);
	EXPECT(second > first && catalog_generation(w.c) > second);
	struct catalog *again = NULL;
	EXPECT_OK(catalog_open(w.db, w.data_fd, &again)); /* mends it */
	EXPECT(catalog_generation(w.c) == catalog_generation(again));
	catalog_generation_enter(&w.c->generation);
	catalog_generation_leave(&again->generation);
	first = catalog_generation(w.c);
	catalog_generation_leave(&w.c->generation); /* two writers, out of order */
	EXPECT(catalog_generation(w.c) > first);
	EXPECT(catalog_generation(w.c) == catalog_generation(w.c));
	catalog_free(again);
}

static void publish_until_killed(int data_fd, int say_fd)
{
	struct world w = { .data_fd = data_fd };
	world_open(&w);
	for (int i = 0;; i++) {
		char child[32], index[32];
		snprintf(child, sizeof(child), "child %d %d", (int)getpid(), i);
		snprintf(index, sizeof(index), "index %d %d", (int)getpid(), i);
		struct catalog_put puts[] = { image(&w, child, "config", TEXTS("layer")),
					      index_of(&w, index, TEXTS(child)) };
		own(err) e = publish(&w, REPO, puts, 2, "latest");
		if (e || write(say_fd, index, sizeof(index)) != sizeof(index))
			_exit(1);
	}
}

TEST(a_publish_is_whole_or_absent_when_the_process_is_killed)
{
	done(world) w = new_world();
	for (int round = 0; round < 5; round++) {
		int fds[2];
		EXPECT(pipe2(fds, O_CLOEXEC) == 0);
		pid_t pid = fork();
		if (pid == 0)
			publish_until_killed(w.data_fd, fds[1]);
		close(fds[1]);
		char index[32];
		for (int i = 0; i < 3 + 4 * round; i++)
			EXPECT(read(fds[0], index, sizeof(index)) == sizeof(index));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		do
			EXPECT(has_manifest(&w, REPO, index));
		while (read(fds[0], index, sizeof(index)) == sizeof(index));
		close(fds[0]);
		EXPECT(get_int(&w, "SELECT COUNT(*) FROM tag") == 1);
		EXPECT(get_int(&w, "SELECT COUNT(*) FROM manifest_reference r WHERE kind ="
				   " 'manifest' AND NOT EXISTS (SELECT 1 FROM manifest m WHERE"
				   " m.digest = r.digest)") == 0);
		/* an index and a child each, two references and one */
		EXPECT(2 * get_int(&w, "SELECT COUNT(*) FROM manifest_reference") ==
		       3 * get_int(&w, "SELECT COUNT(*) FROM manifest"));
		put_image(&w, OTHER, "mine", "latest"); /* nothing is locked */
		bool found;
		struct oci_digest d = digest("mine");
		EXPECT_OK(catalog_manifest_delete(w.c, OTHER, &d, &found));
	}
}

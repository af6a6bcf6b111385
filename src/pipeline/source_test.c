/* Code sources and the deliveries of their webhooks, over a real database, seals and Git
 * repositories. */
#include "pipeline/source_priv.h"

#include <stdio.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/limits.h"
#include "base/thread.h"
#include "codec/sha256.h"
#include "pipeline/test_priv.h"

static struct pipeline_source_request request(enum source_provider p, const char *name,
					      const char *url)
{
	return (struct pipeline_source_request){ .namespace_ = STR("demo"),
						 .name = str_of(name),
						 .provider = p,
						 .url = str_of(url),
						 .depth = 1,
						 .poll_s = 300 };
}

static struct err *create(struct world *w, struct pipeline_source_request r,
			  struct pipeline_source *out, const char **secret)
{
	return pipeline_source_create(w->p, w->a, &r, out, secret);
}

/* ---- what may be created ---- */

TEST(what_a_code_source_may_be)
{
	static const struct {
		enum source_provider p;
		const char *name, *url, *credential, *secret;
		uint32_t depth, poll_s;
		const char *want; /* a credential, or a code */
	} cases[] = {
		{ SOURCE_GITHUB, "app", "https://127.0.0.1/a/b.git", "", "", 1, 300, "none" },
		{ SOURCE_GITHUB, "a/b-c_d.e", "https://127.0.0.1/a", "", "pw", 0, 0, "password" },
		{ SOURCE_GENERIC, "0", "ssh://git@127.0.0.1/a", "", "", 1, 60, "ssh" },
		{ SOURCE_GENERIC, "x", "git@127.0.0.1:a/b", "ssh", "", 1, 86400, "ssh" },
		{ SOURCE_KILN, "own", "", "", "", 1, 300, "none" },
		{ SOURCE_GITHUB, "", "https://127.0.0.1/a", "", "", 1, 300, "SOURCE_NAME" },
		{ SOURCE_GITHUB, "App", "https://127.0.0.1/a", "", "", 1, 300, "SOURCE_NAME" },
		{ SOURCE_GITHUB, "-a", "https://127.0.0.1/a", "", "", 1, 300, "SOURCE_NAME" },
		{ SOURCE_GITHUB, "a/../b", "https://127.0.0.1/a", "", "", 1, 300, "SOURCE_NAME" },
		{ SOURCE_GITHUB, "a//b", "https://127.0.0.1/a", "", "", 1, 300, "SOURCE_NAME" },
		{ SOURCE_GITHUB, "a/", "https://127.0.0.1/a", "", "", 1, 300, "SOURCE_NAME" },
		{ SOURCE_GITHUB, "a.git", "https://127.0.0.1/a", "", "", 1, 300, "SOURCE_NAME" },
		{ SOURCE_GITHUB, "y", "file:///etc", "", "", 1, 300, "SOURCE_URL" },
		{ SOURCE_GITHUB, "y", "", "", "", 1, 300, "SOURCE_URL" },
		{ SOURCE_GITHUB, "y", "https://127.0.0.1/a", "", "", 1, 59, "SOURCE_POLL" },
		{ SOURCE_GITHUB, "y", "https://127.0.0.1/a", "", "", 1, 86401, "SOURCE_POLL" },
		{ SOURCE_GITHUB, "y", "https://127.0.0.1/a", "", "", 1000001, 0, "SOURCE_DEPTH" },
		{ SOURCE_GITHUB, "y", "https://127.0.0.1/a", "ssh", "", 1, 0, "SOURCE_CREDENTIAL" },
		{ SOURCE_GITHUB, "y", "https://127.0.0.1/a", "key", "", 1, 0, "SOURCE_CREDENTIAL" },
		{ SOURCE_GITHUB, "y", "https://127.0.0.1/a", "none", "pw", 1, 0,
		  "SOURCE_CREDENTIAL" },
		{ SOURCE_GITHUB, "y", "https://127.0.0.1/a", "password", "", 1, 0,
		  "SOURCE_CREDENTIAL" },
		{ SOURCE_GITHUB, "y", "https://127.0.0.1/a", "password", "a\nb", 1, 0,
		  "SOURCE_CREDENTIAL" },
		{ SOURCE_GITHUB, "y", "ssh://git@127.0.0.1/a", "password", "pw", 1, 0,
		  "SOURCE_CREDENTIAL" },
		{ SOURCE_KILN, "y", "https://127.0.0.1/a", "", "", 1, 0, "SOURCE_LOCAL" },
		{ SOURCE_KILN, "y", "", "password", "pw", 1, 0, "SOURCE_LOCAL" },
		{ SOURCE_GITHUB, "app", "https://127.0.0.1/a", "", "", 1, 300, "SOURCE_EXISTS" },
	};
	done(world) w = new_world();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pipeline_source_request r = request(cases[i].p, cases[i].name, cases[i].url);
		struct pipeline_source s;
		const char *secret;
		r.credential = str_of(cases[i].credential);
		r.secret = str_of(cases[i].secret);
		r.depth = cases[i].depth;
		r.poll_s = cases[i].poll_s;
		if (strchr(cases[i].want, '_')) {
			expect_code(err_wrap(create(&w, r, &s, &secret), "case %zu", i),
				    cases[i].want);
			continue;
		}
		EXPECT_OK(create(&w, r, &s, &secret));
		EXPECT_STR(str_of(s.credential), cases[i].want);
		EXPECT(!!s.ssh_public_key == !strcmp(s.credential, "ssh"));
		EXPECT(!secret == (cases[i].p == SOURCE_KILN));
	}
	struct pipeline_source_request r = request(SOURCE_GITHUB, "z", "https://127.0.0.1/a");
	r.namespace_ = STR("nowhere");
	struct pipeline_source s;
	const char *secret;
	expect_code(create(&w, r, &s, &secret), "NOT_FOUND");
}

static bool count_text(void *arg, struct db_row *r)
{
	struct str *what = arg;
	for (int i = 0; i < 6; i++)
		if (!db_row_is_null(r, i) && what->len &&
		    memmem(db_row_text(r, i).p, db_row_text(r, i).len, what->p, what->len))
			what->len = 0;
	return true;
}

static void expect_not_stored(struct world *w, struct str text)
{
	EXPECT_OK(db_query(w->db,
			   "SELECT url, username, secret, hook_secret, hook_secret_before,"
			   " ssh_public_key FROM code_source",
			   DB_NO_PARAMS, count_text, &text));
	EXPECT(text.len);
}

TEST(secrets_are_sealed_and_come_back_for_the_remote)
{
	done(world) w = new_world();
	struct pipeline_source_request r = request(SOURCE_GITHUB, "app", "https://127.0.0.1/a");
	struct pipeline_source s;
	struct source_remote remote;
	const char *hook;
	r.secret = STR("a very secret token");
	EXPECT_OK(create(&w, r, &s, &hook));
	EXPECT_STR(str_of(s.username), "x-access-token");
	expect_not_stored(&w, r.secret);
	expect_not_stored(&w, str_of(hook));
	EXPECT_OK(pipeline_source_remote(w.p, w.a, str_of(s.id), &remote));
	EXPECT(remote.credential == SOURCE_PASSWORD && remote.depth == 1);
	EXPECT_STR(remote.secret, "a very secret token");
	EXPECT_STR(remote.username, "x-access-token");
	EXPECT_STR(str_of(remote.url.host), "127.0.0.1");
	EXPECT_ERR(pipeline_source_remote(w.p, w.a, STR("crcs-none"), &remote), ERR_NOT_FOUND,
		   "crcs-none");
	/* A row that was moved under another id does not open. */
	EXPECT_OK(db_exec(w.db, "UPDATE code_source SET id = 'crcs-other'", DB_NO_PARAMS));
	EXPECT_ERR(pipeline_source_remote(w.p, w.a, STR("crcs-other"), &remote), ERR_CORRUPT, NULL);
}

TEST(an_ssh_source_has_a_key_of_its_own)
{
	done(world) w = new_world();
	struct pipeline_source s;
	struct source_remote remote;
	const char *hook;
	EXPECT_OK(create(&w, request(SOURCE_GENERIC, "app", "ssh://git@127.0.0.1/a"), &s, &hook));
	EXPECT(str_starts(str_of(s.ssh_public_key), STR("ssh-ed25519 ")));
	EXPECT_OK(pipeline_source_remote(w.p, w.a, str_of(s.id), &remote));
	EXPECT(remote.credential == SOURCE_SSH_KEY);
	EXPECT(str_starts(remote.secret, STR("-----BEGIN OPENSSH PRIVATE KEY-----")));
}

/* ---- changes ---- */

static struct err *change(struct world *w, const char *id, struct pipeline_source_change c)
{
	return pipeline_source_update(w->p, w->a, str_of(id), &c, NULL);
}

TEST(a_password_does_not_go_along_to_another_server)
{
	done(world) w = new_world();
	struct pipeline_source_request r = request(SOURCE_GITLAB, "app", "https://127.0.0.1/a");
	struct pipeline_source s;
	struct source_remote remote;
	const char *hook;
	bool found;
	struct str elsewhere = STR("https://127.0.0.2/a"), port = STR("https://127.0.0.1:444/a"),
		   plain = STR("http://127.0.0.1/a"), beside = STR("https://127.0.0.1/b"),
		   secret = STR("another"), ssh = STR("ssh://git@127.0.0.2/a"), none = STR("none");
	r.secret = STR("token");
	EXPECT_OK(create(&w, r, &s, &hook));
	struct str *elsewheres[] = { &elsewhere, &port, &plain };
	for (size_t i = 0; i < ARRAY_LEN(elsewheres); i++)
		expect_code(
			change(&w, s.id, (struct pipeline_source_change){ .url = elsewheres[i] }),
			"SOURCE_CREDENTIAL");
	EXPECT_OK(change(&w, s.id, (struct pipeline_source_change){ .url = &beside }));
	EXPECT_OK(pipeline_source_remote(w.p, w.a, str_of(s.id), &remote));
	EXPECT_STR(remote.secret, "token");
	EXPECT_STR(str_of(remote.url.path), "/b");
	EXPECT_OK(change(&w, s.id,
			 (struct pipeline_source_change){ .url = &elsewhere, .secret = &secret }));
	EXPECT_OK(pipeline_source_remote(w.p, w.a, str_of(s.id), &remote));
	EXPECT_STR(remote.secret, "another");
	EXPECT_OK(change(&w, s.id, (struct pipeline_source_change){ .url = &ssh }));
	EXPECT_OK(pipeline_source_get(w.p, w.a, str_of(s.id), &found, &s));
	EXPECT(found && s.ssh_public_key && !s.username);
	EXPECT_STR(str_of(s.credential), "ssh");
	EXPECT_OK(change(&w, s.id,
			 (struct pipeline_source_change){ .url = &beside, .credential = &none }));
	EXPECT_OK(pipeline_source_get(w.p, w.a, str_of(s.id), &found, &s));
	EXPECT(!s.ssh_public_key);
	EXPECT_STR(str_of(s.credential), "none");
}

TEST(settings_change_alone)
{
	done(world) w = new_world();
	struct pipeline_source s, t;
	const char *hook;
	bool found, yes = true;
	uint32_t depth = 7, poll = 0, bad = 10;
	struct str key = STR("127.0.0.1 ssh-ed25519 AAAA");
	EXPECT_OK(create(&w, request(SOURCE_GITEA, "app", "https://127.0.0.1/a"), &s, &hook));
	EXPECT_OK(change(
		&w, s.id,
		(struct pipeline_source_change){
			.depth = &depth, .poll_s = &poll, .submodules = &yes, .host_key = &key }));
	EXPECT_OK(pipeline_source_find(w.p, w.a, STR("demo"), STR("app"), &found, &t));
	EXPECT(found && t.depth == 7 && t.poll_s == 0 && t.submodules && !t.allow_private);
	EXPECT_STR(str_of(t.ssh_host_key), "127.0.0.1 ssh-ed25519 AAAA");
	EXPECT_STR(str_of(t.url), s.url);
	EXPECT(t.updated_ns > s.updated_ns && t.created_ns == s.created_ns);
	expect_code(change(&w, s.id, (struct pipeline_source_change){ .poll_s = &bad }),
		    "SOURCE_POLL");
	expect_code(change(&w, "crcs-none", (struct pipeline_source_change){ .depth = &depth }),
		    "NOT_FOUND");
}

TEST(a_source_that_is_built_from_is_not_removed)
{
	done(world) w = new_world();
	struct pipeline_source s, *list;
	size_t n;
	const char *hook;
	bool found;
	EXPECT_OK(create(&w, request(SOURCE_KILN, "app", ""), &s, &hook));
	EXPECT_OK(db_exec(w.db,
			  "INSERT INTO image_repository VALUES ('crr-1', 'demo', 'hello',"
			  " 'demo/hello', 'PRIVATE', 0, 0, '', '', 1, 1)",
			  DB_NO_PARAMS));
	EXPECT_OK(db_exec(w.db,
			  "INSERT INTO repository_source VALUES ('crr-1', $1, 1, '', 0, 1, 1)",
			  DB_PARAMS(db_cstr(s.id))));
	EXPECT_ERR(pipeline_source_delete(w.p, str_of(s.id), &found), ERR_CONFLICT, "demo/hello");
	EXPECT_OK(db_exec(w.db, "DELETE FROM repository_source", DB_NO_PARAMS));
	EXPECT_OK(pipeline_source_delete(w.p, str_of(s.id), &found));
	EXPECT(found);
	EXPECT_OK(pipeline_source_delete(w.p, str_of(s.id), &found));
	EXPECT(!found);
	EXPECT_OK(pipeline_source_list(w.p, w.a, STR(""), &list, &n));
	EXPECT(n == 0);
}

/* ---- our own remote ---- */

/* A work tree beside the data, with one commit on main and the tag v1. */
static void make_tree(struct world *w, char path[300])
{
	snprintf(path, 300, "%s/tree", w->data);
	GIT(w->data, "init", "-q", "-b", "main", path);
	GIT(path, "commit", "-q", "--allow-empty", "-m", "one");
	GIT(path, "tag", "-a", "v1", "-m", "first");
}

TEST(refs_that_were_pushed_are_seen_by_a_look)
{
	done(world) w = new_world();
	struct pipeline_source s;
	struct source_ref *refs;
	const char *hook;
	char tree[300], remote[400];
	size_t n;
	EXPECT_OK(create(&w, request(SOURCE_KILN, "app", ""), &s, &hook));
	EXPECT_OK(pipeline_source_test(w.p, w.a, str_of(s.id), &refs, &n));
	EXPECT(n == 0);
	make_tree(&w, tree);
	snprintf(remote, sizeof(remote), "%s/git/%s.git", w.data, s.id);
	GIT(tree, "push", "-q", remote, "main", "v1");
	EXPECT_OK(pipeline_source_refs(w.p, w.a, str_of(s.id), &refs, &n));
	EXPECT(n == 0); /* nobody has looked */
	EXPECT_OK(pipeline_source_look(w.p, str_of(s.id), 0, "mary", NULL));
	EXPECT_OK(pipeline_source_refs(w.p, w.a, str_of(s.id), &refs, &n));
	EXPECT(n == 2);
	EXPECT_STR(str_of(refs[0].name), "refs/heads/main");
	EXPECT_STR(str_of(refs[1].name), "refs/tags/v1");
	EXPECT_STR(str_of(refs[1].commit), refs[0].commit);
	EXPECT(strcmp(refs[1].object, refs[1].commit) != 0);
	GIT(tree, "push", "-q", remote, ":v1");
	EXPECT_OK(pipeline_source_look(w.p, str_of(s.id), 0, "mary", NULL));
	EXPECT_OK(pipeline_source_refs(w.p, w.a, str_of(s.id), &refs, &n));
	EXPECT(n == 1);
}

/* ---- deliveries ---- */

struct hook {
	const char *id, *event;
	char signature[100];
};

static struct str get(void *arg, const char *name)
{
	struct hook *h = arg;
	if (strcmp(name, "X-GitHub-Event") == 0)
		return str_of(h->event);
	if (strcmp(name, "X-GitHub-Delivery") == 0)
		return str_of(h->id);
	if (strcmp(name, "X-Hub-Signature-256") == 0)
		return str_of(h->signature);
	return (struct str){ NULL, 0 };
}

#define PUSH "{\"ref\":\"refs/heads/main\",\"after\":\"b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2\"}"

static struct err *deliver(struct world *w, const char *source, const char *secret, const char *id,
			   const char *event, const char *body, bool *duplicate,
			   const char **delivery)
{
	struct hook h = { .id = id, .event = event };
	struct source_headers headers = { get, &h };
	uint8_t sum[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)body, strlen(body),
	     sum, NULL);
	hex_encode(sum, sizeof(sum), hex);
	snprintf(h.signature, sizeof(h.signature), "sha256=%s", hex);
	return pipeline_delivery(w->p, w->a, str_of(source), &headers, str_of(body), duplicate,
				 delivery);
}

TEST(a_delivery_is_remembered_once)
{
	done(world) w = new_world();
	struct pipeline_source s;
	struct pipeline_delivery_entry *list;
	const char *hook, *first, *second;
	bool duplicate, found;
	size_t n;
	EXPECT_OK(create(&w, request(SOURCE_GITHUB, "app", "https://127.0.0.1/a"), &s, &hook));
	EXPECT_OK(deliver(&w, s.id, hook, "d-1", "push", PUSH, &duplicate, &first));
	EXPECT(!duplicate);
	EXPECT_OK(deliver(&w, s.id, hook, "d-1", "push", PUSH, &duplicate, &second));
	EXPECT(duplicate);
	EXPECT_STR(str_of(second), first);
	EXPECT_OK(deliver(&w, s.id, hook, "d-2", "ping", "{}", &duplicate, &second));
	EXPECT_OK(deliver(&w, s.id, hook, "d-3", "issues", "{}", &duplicate, &second));
	EXPECT_OK(pipeline_delivery_list(w.p, w.a, str_of(s.id), STR(""), 0, 50, &list, &n));
	EXPECT(n == 3);
	EXPECT_STR(str_of(list[0].outcome), "ignored");
	EXPECT_STR(str_of(list[1].event), "ping");
	EXPECT_STR(str_of(list[2].outcome), "accepted");
	EXPECT_STR(str_of(list[2].key), "d-1");
	EXPECT_STR(str_of(list[2].changes_json),
		   "[{\"ref\":\"refs/heads/main\",\"commit\":"
		   "\"b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2\",\"deleted\":false,"
		   "\"forced\":false}]");
	EXPECT_OK(pipeline_delivery_list(w.p, w.a, str_of(s.id), STR(""), list[1].received_ns, 50,
					 &list, &n));
	EXPECT(n == 1);
	EXPECT_OK(pipeline_delivery_replay(w.p, str_of(s.id), str_of(first), &found));
	EXPECT(found);
	EXPECT_OK(pipeline_delivery_replay(w.p, STR("crcs-other"), str_of(first), &found));
	EXPECT(!found);
}

TEST(a_refused_delivery_takes_no_place)
{
	done(world) w = new_world();
	struct pipeline_source s;
	struct pipeline_delivery_entry *list;
	const char *hook, *id;
	bool duplicate, found;
	size_t n;
	EXPECT_OK(create(&w, request(SOURCE_GITHUB, "app", "https://127.0.0.1/a"), &s, &hook));
	expect_code(deliver(&w, s.id, "guessed", "d-1", "push", PUSH, &duplicate, &id), "HOOK_SIG");
	expect_code(deliver(&w, s.id, hook, "d-9", "push", "{", &duplicate, &id), "HOOK_BODY");
	EXPECT_OK(deliver(&w, s.id, hook, "d-1", "push", PUSH, &duplicate, &id));
	EXPECT(!duplicate);
	EXPECT_OK(pipeline_delivery_list(w.p, w.a, str_of(s.id), STR(""), 0, 50, &list, &n));
	EXPECT(n == 3);
	EXPECT_STR(str_of(list[1].outcome), "failed");
	EXPECT_STR(str_of(list[2].outcome), "refused");
	EXPECT(strstr(list[2].detail, "X-Hub-Signature-256"));
	expect_code(pipeline_delivery_replay(w.p, str_of(s.id), str_of(list[2].id), &found),
		    "DELIVERY_REFUSED");
}

TEST(the_secret_before_is_valid_until_the_next_rotation)
{
	done(world) w = new_world();
	struct pipeline_source s;
	const char *hooks[3], *id;
	bool duplicate;
	struct pipeline_source_change rotate = { .new_hook_secret = true };
	EXPECT_OK(create(&w, request(SOURCE_GITHUB, "app", "https://127.0.0.1/a"), &s, &hooks[0]));
	EXPECT_OK(pipeline_source_update(w.p, w.a, str_of(s.id), &rotate, &hooks[1]));
	EXPECT_OK(deliver(&w, s.id, hooks[0], "d-1", "push", PUSH, &duplicate, &id));
	EXPECT_OK(deliver(&w, s.id, hooks[1], "d-2", "push", PUSH, &duplicate, &id));
	EXPECT_OK(pipeline_source_update(w.p, w.a, str_of(s.id), &rotate, &hooks[2]));
	expect_code(deliver(&w, s.id, hooks[0], "d-3", "push", PUSH, &duplicate, &id), "HOOK_SIG");
	EXPECT_OK(deliver(&w, s.id, hooks[1], "d-4", "push", PUSH, &duplicate, &id));
	EXPECT_OK(deliver(&w, s.id, hooks[2], "d-5", "push", PUSH, &duplicate, &id));
}

static void fill(struct world *w, const char *source, const char *outcome, int64_t first_ns, int n)
{
	own(db_tx) tx = NULL;
	EXPECT_OK(db_tx_begin(w->db, &tx));
	for (int i = 0; i < n; i++) {
		own_mem char *id = mem_printf("%s-%d", outcome, i);
		EXPECT_OK(db_tx_exec(tx,
				     "INSERT INTO webhook_delivery VALUES ($1, $2, $1, 'push', $3,"
				     " '', '[]', '', 0, $4)",
				     DB_PARAMS(db_cstr(id), db_cstr(source), db_cstr(outcome),
					       db_int(first_ns + i))));
	}
	EXPECT_OK(db_tx_commit(tx));
}

TEST(deliveries_are_bounded_by_number_and_age)
{
	done(world) w = new_world();
	struct pipeline_source s;
	struct pipeline_delivery_entry *list;
	const char *hook, *id;
	bool duplicate;
	size_t n, refused = 0, old = 0;
	EXPECT_OK(create(&w, request(SOURCE_GITHUB, "app", "https://127.0.0.1/a"), &s, &hook));
	fill(&w, s.id, "accepted", s.created_ns - 3000, LIMIT_DELIVERIES + 20);
	fill(&w, s.id, "refused", s.created_ns - 90000, LIMIT_DELIVERIES_REFUSED + 20);
	fill(&w, s.id, "ignored", s.created_ns - (int64_t)31 * 86400 * 1000000000, 5);
	expect_code(deliver(&w, s.id, "guessed", "d-1", "push", PUSH, &duplicate, &id), "HOOK_SIG");
	EXPECT_OK(deliver(&w, s.id, hook, "d-1", "push", PUSH, &duplicate, &id));
	EXPECT_OK(pipeline_delivery_list(w.p, w.a, str_of(s.id), STR(""), 0, 2000, &list, &n));
	for (size_t i = 0; i < n; i++) {
		refused += !strcmp(list[i].outcome, "refused");
		old += !strcmp(list[i].outcome, "ignored");
		EXPECT(!i || list[i].received_ns < list[i - 1].received_ns);
	}
	EXPECT(n == LIMIT_DELIVERIES + LIMIT_DELIVERIES_REFUSED);
	EXPECT(refused == LIMIT_DELIVERIES_REFUSED && old == 0);
	EXPECT_STR(str_of(list[0].key), "d-1");
}

struct racer {
	struct world *w;
	const char *source, *hook;
	int n_new;
	struct arena *a;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	struct world mine = *r->w;
	mine.a = r->a;
	for (int i = 0; i < 20; i++) {
		char key[20];
		bool duplicate;
		const char *id;
		snprintf(key, sizeof(key), "d-%d", i);
		EXPECT_OK(deliver(&mine, r->source, r->hook, key, "push", PUSH, &duplicate, &id));
		r->n_new += !duplicate;
	}
	return NULL;
}

TEST(of_deliveries_at_once_one_is_new)
{
	done(world) w = new_world();
	struct pipeline_source s;
	const char *hook;
	struct racer racers[4];
	pthread_t threads[4];
	int n_new = 0;
	EXPECT_OK(create(&w, request(SOURCE_GITHUB, "app", "https://127.0.0.1/a"), &s, &hook));
	for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
		racers[i] = (struct racer){ &w, s.id, hook, 0, arena_open((size_t)8 << 20) };
		EXPECT_OK(thread_start(&threads[i], "racer", race, &racers[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(racers); i++) {
		pthread_join(threads[i], NULL);
		n_new += racers[i].n_new;
		arena_free(racers[i].a);
	}
	EXPECT(n_new == 20);
}

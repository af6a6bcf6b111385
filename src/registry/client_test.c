/* Against Debian's docker-registry, as users run it. */
#include "registry/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/spawn.h"
#include "base/thread.h"
#include "registry/client_fixture_test.h"

#define LAYER_BYTES 3000000

struct server {
	struct child child;
	unsigned port;
};

static unsigned free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	own_fd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT(bind(fd, (struct sockaddr *)&at, len) == 0);
	EXPECT(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	return ntohs(at.sin_port);
}

static bool is_up(unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	own_fd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
}

enum server_kind { SERVER_OPEN, SERVER_LOGIN, SERVER_TLS };

static void write_config(const struct fixture *f, unsigned port, enum server_kind kind)
{
	/* kim with the password "sec:ret" */
	static const char htpasswd[] =
		"kim:$2y$04$xrwA0Y1NAroOXNrw/4LAQeRIEKvJ/o9DZKdWzHh05mE4Pr6lZOMse\n";
	own_mem char *auth =
		mem_printf("auth:\n  htpasswd:\n    realm: test\n    path: %s/users\n", f->path);
	own_mem char *tls = mem_printf(
		"  tls:\n    certificate: %s/cert.pem\n    key: %s/key.pem\n", f->path, f->path);
	own_mem char *text = mem_printf("version: 0.1\nlog:\n  level: error\nstorage:\n"
					"  filesystem:\n    rootdirectory: %s/registry\nhttp:\n"
					"  addr: 127.0.0.1:%u\n%s",
					f->path, port,
					kind == SERVER_LOGIN ? auth
					: kind == SERVER_TLS ? tls
							     : "");
	own_fd users = openat(f->dir, "users", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	own_fd config =
		openat(f->dir, "config.yml", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	EXPECT_OK(fd_write_all(users, htpasswd, strlen(htpasswd)));
	EXPECT_OK(fd_write_all(config, text, strlen(text)));
}

/* setpriv ends the server with the test program, however that ends. */
static void server_start(struct server *s, const struct fixture *f, enum server_kind kind)
{
	own_mem char *program = spawn_find("docker-registry");
	if (!program) {
		print_message("docker-registry is not installed\n");
		skip();
	}
	s->port = free_port();
	write_config(f, s->port, kind);
	own_mem char *config = mem_printf("%s/config.yml", f->path);
	EXPECT_OK(spawn_start(
		&(struct spawn){ .argv = (const char *const[]){ "setpriv", "--pdeathsig", "KILL",
								program, "serve", config, NULL },
				 .in_fd = -1,
				 .out_fd = -1,
				 .err_fd = -1 },
		&s->child));
	for (int i = 0; i < 200 && !is_up(s->port); i++)
		usleep(50000);
	EXPECT(is_up(s->port));
}

static void server_stop(struct server *s)
{
	child_done(&s->child);
}

struct image {
	struct oci_descriptor config, layer;
	char *manifest; /* owned */
	size_t len;
	struct oci_digest digest;
};

static void image_make(struct fixture *f, struct image *m)
{
	static const char config[] = "{\"os\":\"linux\",\"architecture\":\"amd64\","
				     "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}";
	own_mem char *layer = mem_zalloc(LAYER_BYTES);
	for (size_t i = 0; i < LAYER_BYTES; i++)
		layer[i] = (char)(i * i >> 7);
	m->config = fixture_blob(f, OCI_TYPE_CONFIG, config, strlen(config));
	m->layer = fixture_blob(f, OCI_TYPE_LAYER, layer, LAYER_BYTES);
	EXPECT_OK(oci_manifest_write(false, &m->config, &m->layer, 1, &m->manifest, &m->len));
	m->digest = oci_digest_of_bytes(m->manifest, m->len);
}

static void image_push(struct fixture *f, const struct image *m, const struct oci_reference *ref,
		       const char *from)
{
	EXPECT_OK(registry_push_blob(f->client, ref, &m->config, f->store, from, NULL, NULL));
	EXPECT_OK(registry_push_blob(f->client, ref, &m->layer, f->store, from, NULL, NULL));
	EXPECT_OK(registry_push_manifest(f->client, ref, ref->tag, OCI_TYPE_MANIFEST,
					 str_n(m->manifest, m->len)));
}

static void expect_manifest(struct fixture *f, const struct oci_reference *ref,
			    const struct image *m)
{
	own(arena) a = arena_open((size_t)32 << 20);
	struct registry_manifest got;
	EXPECT_OK(registry_get_manifest(f->client, a, ref, &got));
	EXPECT(str_eq(got.body, str_n(m->manifest, m->len)));
	EXPECT(oci_digest_eq(&got.descriptor.digest, &m->digest));
	EXPECT(got.descriptor.size == m->len);
	EXPECT_STR(str_of(got.descriptor.media_type), OCI_TYPE_MANIFEST);
}

struct seen {
	uint64_t calls, last, total;
};

static void note_progress(void *arg, uint64_t at, uint64_t total)
{
	struct seen *s = arg;
	EXPECT(at >= s->last && at <= total);
	*s = (struct seen){ s->calls + 1, at, total };
}

static void expect_blob(struct fixture *f, const struct oci_descriptor *d)
{
	own_mem char *bytes = NULL;
	size_t len;
	EXPECT_OK(blob_store_read(f->store, &d->digest, LAYER_BYTES, &bytes, &len));
	EXPECT(len == d->size);
}

TEST(client_pushes_and_pulls_an_image)
{
	struct fixture f;
	struct server s;
	struct image m;
	struct oci_digest head;
	struct seen seen = { 0 };
	fixture_open(&f);
	server_start(&s, &f, SERVER_OPEN);
	image_make(&f, &m);
	struct oci_reference ref = fixture_ref(s.port, "team/app:1");
	EXPECT_OK(
		registry_push_blob(f.client, &ref, &m.layer, f.store, NULL, note_progress, &seen));
	EXPECT(seen.calls > 2 && seen.last == LAYER_BYTES && seen.total == LAYER_BYTES);
	image_push(&f, &m, &ref, NULL);

	fixture_new_store(&f, "second");
	expect_manifest(&f, &ref, &m);
	EXPECT_OK(registry_head_manifest(f.client, &ref, &head));
	EXPECT(oci_digest_eq(&head, &m.digest));
	struct oci_reference by_digest = ref;
	by_digest.has_digest = true;
	by_digest.digest = m.digest;
	by_digest.tag[0] = '\0';
	expect_manifest(&f, &by_digest, &m);

	seen = (struct seen){ 0 };
	EXPECT_OK(registry_fetch_blob(f.client, &ref, &m.layer, f.store, note_progress, &seen));
	EXPECT(seen.calls > 2 && seen.last == LAYER_BYTES);
	EXPECT_OK(registry_fetch_blob(f.client, &ref, &m.layer, f.store, NULL, NULL));
	EXPECT_OK(registry_fetch_blob(f.client, &ref, &m.config, f.store, NULL, NULL));
	expect_blob(&f, &m.layer);
	expect_blob(&f, &m.config);
	free(m.manifest);
	server_stop(&s);
	fixture_close(&f);
}

TEST(client_mounts_from_another_repository)
{
	struct fixture f;
	struct server s;
	struct image m;
	struct seen seen = { 0 };
	fixture_open(&f);
	server_start(&s, &f, SERVER_OPEN);
	image_make(&f, &m);
	struct oci_reference first = fixture_ref(s.port, "one:1"),
			     second = fixture_ref(s.port, "two:1");
	image_push(&f, &m, &first, NULL);
	EXPECT_OK(registry_push_blob(f.client, &second, &m.layer, f.store, "one", note_progress,
				     &seen));
	EXPECT(seen.calls == 1); /* no bytes went */
	image_push(&f, &m, &second, "one");
	/* A repository without the blob: it is sent. */
	struct oci_reference third = fixture_ref(s.port, "three:1");
	image_push(&f, &m, &third, "nowhere");
	expect_manifest(&f, &third, &m);
	free(m.manifest);
	server_stop(&s);
	fixture_close(&f);
}

TEST(client_names_what_is_missing)
{
	struct fixture f;
	struct server s;
	struct image m;
	own(arena) a = arena_open((size_t)32 << 20);
	struct registry_manifest got;
	struct oci_digest digest;
	fixture_open(&f);
	server_start(&s, &f, SERVER_OPEN);
	struct oci_reference ref = fixture_ref(s.port, "team/alpne:3");
	own_mem char *want = mem_printf("127.0.0.1:%u/team/alpne:3 does not exist (or needs a "
					"login: docker login 127.0.0.1:%u)",
					s.port, s.port);
	EXPECT_ERR(registry_get_manifest(f.client, a, &ref, &got), ERR_NOT_FOUND, want);
	EXPECT_ERR(registry_head_manifest(f.client, &ref, &digest), ERR_NOT_FOUND, want);
	struct oci_descriptor absent = { .digest = oci_digest_of_bytes("x", 1), .size = 1 };
	EXPECT_ERR(registry_fetch_blob(f.client, &ref, &absent, f.store, NULL, NULL), ERR_NOT_FOUND,
		   "team/alpne@sha256:");
	image_make(&f, &m);
	EXPECT_ERR(registry_push_manifest(f.client, &ref, "3", OCI_TYPE_MANIFEST,
					  str_n(m.manifest, m.len)),
		   ERR_INVALID, "(MANIFEST_BLOB_UNKNOWN: blob unknown to registry)");
	free(m.manifest);
	server_stop(&s);
	own_mem char *down =
		mem_printf("registry 127.0.0.1:%u cannot be reached: Connection refused", s.port);
	EXPECT_ERR(registry_get_manifest(f.client, a, &ref, &got), ERR_UNAVAILABLE, down);
	EXPECT_ERR(registry_fetch_blob(f.client, &ref, &absent, f.store, NULL, NULL),
		   ERR_UNAVAILABLE, down);
	fixture_close(&f);
}

TEST(client_logs_in_by_basic)
{
	struct fixture f;
	struct server s;
	struct image m;
	own(arena) a = arena_open((size_t)32 << 20);
	struct registry_manifest got;
	fixture_open(&f);
	server_start(&s, &f, SERVER_LOGIN);
	image_make(&f, &m);
	struct oci_reference ref = fixture_ref(s.port, "team/app:1");
	EXPECT_ERR(registry_get_manifest(f.client, a, &ref, &got), ERR_DENIED,
		   "(or needs a login: docker login 127.0.0.1:");
	EXPECT_ERR(registry_push_blob(f.client, &ref, &m.layer, f.store, NULL, NULL, NULL),
		   ERR_DENIED, "needs a login to be pushed: docker login 127.0.0.1:");

	fixture_login(&f, ref.host, "kim", "wrong");
	fixture_renew(&f, NULL, NULL);
	EXPECT_ERR(registry_get_manifest(f.client, a, &ref, &got), ERR_DENIED,
		   "refuses the login kim (from /");

	fixture_login(&f, ref.host, "kim", "sec:ret");
	fixture_renew(&f, NULL, NULL);
	image_push(&f, &m, &ref, "other");
	expect_manifest(&f, &ref, &m);
	struct oci_reference absent = fixture_ref(s.port, "team/app:2");
	EXPECT_ERR(registry_get_manifest(f.client, a, &absent, &got), ERR_NOT_FOUND,
		   "team/app:2 does not exist in 127.0.0.1:");
	free(m.manifest);
	server_stop(&s);
	fixture_close(&f);
}

TEST(client_goes_on_to_the_registry_when_a_mirror_is_down)
{
	struct fixture f;
	struct server s;
	struct image m;
	fixture_open(&f);
	server_start(&s, &f, SERVER_OPEN);
	image_make(&f, &m);
	struct oci_reference ref = fixture_ref(s.port, "team/app:1");
	image_push(&f, &m, &ref, NULL);
	fixture_new_store(&f, "second");
	own_mem char *down = mem_printf("%s=http://127.0.0.1:1", ref.host);
	fixture_renew(&f, (const char *const[]){ down, NULL }, NULL);
	expect_manifest(&f, &ref, &m);
	EXPECT_OK(registry_fetch_blob(f.client, &ref, &m.layer, f.store, NULL, NULL));
	expect_blob(&f, &m.layer);

	/* The other way round: the registry itself is never asked when its mirror has it. */
	struct oci_reference hub;
	own_mem char *mirror = mem_printf("mirrored.invalid=http://127.0.0.1:%u/team", s.port);
	EXPECT_OK(oci_reference_parse(STR("mirrored.invalid/app:1"), &hub));
	fixture_renew(&f, (const char *const[]){ mirror, NULL }, NULL);
	expect_manifest(&f, &hub, &m);
	EXPECT_OK(registry_fetch_blob(f.client, &hub, &m.config, f.store, NULL, NULL));
	own(arena) a = arena_open((size_t)32 << 20);
	struct registry_manifest got;
	snprintf(hub.tag, sizeof(hub.tag), "2");
	EXPECT_ERR(registry_get_manifest(f.client, a, &hub, &got), ERR_UNAVAILABLE,
		   "mirrored.invalid cannot be reached");
	free(m.manifest);
	server_stop(&s);
	fixture_close(&f);
}

TEST(client_tries_tls_first_at_insecure_hosts)
{
	struct fixture f;
	struct server s;
	struct image m;
	fixture_open(&f);
	server_start(&s, &f, SERVER_OPEN);
	image_make(&f, &m);
	struct oci_reference ref = fixture_ref(s.port, "app:1");
	fixture_renew(&f, NULL, (const char *const[]){ ref.host, NULL });
	image_push(&f, &m, &ref, NULL);
	expect_manifest(&f, &ref, &m);

	/* A host that is neither loopback nor insecure is asked by HTTPS only. */
	own(arena) a = arena_open((size_t)32 << 20);
	struct registry_manifest got;
	own_mem char *mirror = mem_printf("mirrored.invalid=https://127.0.0.1:%u", s.port);
	own_mem char *want = mem_printf("mirror 127.0.0.1:%u answers plain HTTP, not HTTPS; if "
					"that is meant to be, write http://127.0.0.1:%u",
					s.port, s.port);
	struct oci_reference other;
	EXPECT_OK(oci_reference_parse(STR("mirrored.invalid/app:1"), &other));
	fixture_renew(&f, (const char *const[]){ mirror, NULL }, NULL);
	EXPECT_ERR(registry_get_manifest(f.client, a, &other, &got), ERR_UNAVAILABLE, want);
	free(m.manifest);
	server_stop(&s);
	fixture_close(&f);
}

static void make_certificate(const struct fixture *f)
{
	own_mem char *key = mem_printf("%s/key.pem", f->path),
		     *cert = mem_printf("%s/cert.pem", f->path);
	EXPECT_OK(spawn_run((const char *const[]){ "openssl", "req", "-x509", "-newkey", "ec",
						   "-pkeyopt", "ec_paramgen_curve:prime256v1",
						   "-nodes", "-days", "2", "-subj", "/CN=test",
						   "-addext", "subjectAltName=IP:127.0.0.1",
						   "-keyout", key, "-out", cert, NULL },
			    4096, NULL));
}

TEST(client_checks_certificates)
{
	struct fixture f;
	struct server s;
	struct image m;
	own(arena) a = arena_open((size_t)32 << 20);
	struct registry_manifest got;
	struct oci_reference other;
	fixture_open(&f);
	make_certificate(&f);
	server_start(&s, &f, SERVER_TLS);
	image_make(&f, &m);
	struct oci_reference ref = fixture_ref(s.port, "app:1");
	const char *const insecure[] = { ref.host, NULL };
	fixture_renew(&f, NULL, insecure);
	image_push(&f, &m, &ref, NULL);
	expect_manifest(&f, &ref, &m);

	/* The same server as a mirror, which is TLS on loopback too. */
	own_mem char *mirror = mem_printf("mirrored.invalid=https://%s", ref.host);
	const char *const mirrors[] = { mirror, NULL };
	own_mem char *want = mem_printf("name it insecure: --insecure-registry %s", ref.host);
	EXPECT_OK(oci_reference_parse(STR("mirrored.invalid/app:1"), &other));
	fixture_renew(&f, mirrors, NULL);
	EXPECT_ERR(registry_get_manifest(f.client, a, &other, &got), ERR_UNAVAILABLE, want);
	fixture_renew(&f, mirrors, insecure);
	expect_manifest(&f, &other, &m);
	own_mem char *cert = mem_printf("%s/cert.pem", f.path);
	setenv("SSL_CERT_FILE", cert, 1);
	fixture_renew(&f, mirrors, NULL);
	expect_manifest(&f, &other, &m);
	unsetenv("SSL_CERT_FILE");
	free(m.manifest);
	server_stop(&s);
	fixture_close(&f);
}

struct worker {
	struct fixture *f;
	const struct oci_reference *ref;
	const struct oci_descriptor *d;
	struct err *e;
	uint64_t bytes;
};

static void count_bytes(void *arg, uint64_t at, uint64_t total)
{
	((struct worker *)arg)->bytes++;
}

static void *fetch_one(void *arg)
{
	struct worker *w = arg;
	w->e = registry_fetch_blob(w->f->client, w->ref, w->d, w->f->store, count_bytes, w);
	return NULL;
}

TEST(client_fetches_a_digest_once_for_all_threads)
{
	struct fixture f;
	struct server s;
	struct image m;
	pthread_t threads[8];
	struct worker workers[8];
	int transfers = 0;
	fixture_open(&f);
	server_start(&s, &f, SERVER_OPEN);
	image_make(&f, &m);
	struct oci_reference ref = fixture_ref(s.port, "app:1");
	image_push(&f, &m, &ref, NULL);
	fixture_new_store(&f, "second");
	for (int i = 0; i < 8; i++) {
		workers[i] = (struct worker){ .f = &f, .ref = &ref, .d = &m.layer };
		EXPECT_OK(thread_start(&threads[i], "fetch", fetch_one, &workers[i]));
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_OK(workers[i].e);
		transfers += workers[i].bytes > 1;
	}
	EXPECT(transfers == 1);
	expect_blob(&f, &m.layer);
	free(m.manifest);
	server_stop(&s);
	fixture_close(&f);
}

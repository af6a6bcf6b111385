/* A client, a store and a home without logins, for the tests of the client. */
#ifndef KILN_REGISTRY_CLIENT_FIXTURE_TEST_H
#define KILN_REGISTRY_CLIENT_FIXTURE_TEST_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "registry/client.h"

struct fixture {
	int dir; /* owned */
	char path[64];
	struct blob_store *store;
	struct registry_client *client;
	bool stop;
};

static inline bool fixture_stopped(void *arg)
{
	return __atomic_load_n((bool *)arg, __ATOMIC_RELAXED);
}

/* Another client with the same store; it has learned nothing yet. */
static inline void fixture_renew(struct fixture *f, const char *const *mirrors,
				 const char *const *insecure)
{
	registry_client_free(f->client);
	EXPECT_OK(
		registry_client_open(&(struct registry_client_options){ .mirrors = mirrors,
									.insecure = insecure,
									.canceled = fixture_stopped,
									.arg = &f->stop },
				     &f->client));
}

static inline void fixture_new_store(struct fixture *f, const char *name)
{
	blob_store_free(f->store);
	EXPECT(mkdirat(f->dir, name, 0700) == 0);
	/* The directory outlives the store: the test program keeps it open to its end. */
	int data = openat(f->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	EXPECT(data >= 0);
	EXPECT_OK(blob_store_open(data, &f->store));
}

static inline void fixture_open(struct fixture *f)
{
	char link[32];
	*f = (struct fixture){ .dir = test_tmpdir() };
	snprintf(link, sizeof(link), "/proc/self/fd/%d", f->dir);
	ssize_t n = readlink(link, f->path, sizeof(f->path) - 1);
	EXPECT(n > 0);
	setenv("DOCKER_CONFIG", f->path, 1);
	setenv("XDG_RUNTIME_DIR", f->path, 1);
	fixture_new_store(f, "data");
	fixture_renew(f, NULL, NULL);
}

static inline void fixture_close(struct fixture *f)
{
	registry_client_free(f->client);
	blob_store_free(f->store);
	unsetenv("DOCKER_CONFIG");
	unsetenv("XDG_RUNTIME_DIR");
	close(f->dir);
}

static inline void fixture_login(struct fixture *f, const char *host, const char *user,
				 const char *password)
{
	own_mem char *text =
		mem_printf("{\"auths\":{\"%s\":{\"username\":\"%s\",\"password\":\"%s\"}}}", host,
			   user, password);
	own_fd fd = openat(f->dir, "config.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	EXPECT_OK(fd_write_all(fd, text, strlen(text)));
}

static inline struct oci_descriptor fixture_blob(struct fixture *f, const char *type, const void *p,
						 size_t len)
{
	struct oci_descriptor d = { .media_type = type, .size = len };
	EXPECT_OK(blob_store_put(f->store, p, len, &d.digest));
	return d;
}

static inline struct oci_reference fixture_ref(unsigned port, const char *rest)
{
	own_mem char *text = mem_printf("127.0.0.1:%u/%s", port, rest);
	struct oci_reference ref;
	EXPECT_OK(oci_reference_parse(str_of(text), &ref));
	return ref;
}

#endif

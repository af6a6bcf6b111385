#include "registry/credentials.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "http/client.h"

static void expect_login(const char *text, const char *host, const char *repository,
			 const char *user, const char *password)
{
	own_mem char *helper = NULL;
	struct credentials c;
	bool found;
	EXPECT_OK(credentials_parse(str_of(text), host, repository, &helper, &c, &found));
	EXPECT(found == (user != NULL));
	if (user) {
		EXPECT_STR(str_of(c.user), user);
		EXPECT_STR(str_of(c.password), password);
	}
	credentials_done(&c);
}

/* kim:sec:ret, ann:x */
#define AUTHS                                                                              \
	"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"a2ltOnNlYzpyZXQ=\"},"     \
	"\"ghcr.io\":{\"username\":\"gh\",\"password\":\"p\"},\"quay.io/team\":{\"auth\":" \
	"\"YW5uOng=\"},\"quay.io/team/app\":{\"username\":\"app\",\"password\":\"q\"},"    \
	"\"[::1]:5000\":{\"username\":\"six\",\"password\":\"6\"},\"empty.example\":{}}}"

TEST(credentials_are_found_by_host)
{
	expect_login(AUTHS, "docker.io", "library/alpine", "kim", "sec:ret");
	expect_login(AUTHS, "registry-1.docker.io", "library/alpine", "kim", "sec:ret");
	expect_login(AUTHS, "ghcr.io", "a/b", "gh", "p");
	expect_login(AUTHS, "[::1]:5000", "a", "six", "6");
	expect_login(AUTHS, "ghcr.io.example", "a/b", NULL, NULL);
	expect_login(AUTHS, "ghcr.io:444", "a/b", NULL, NULL);
	expect_login(AUTHS, "empty.example", "a", NULL, NULL);
	expect_login("{}", "ghcr.io", "a", NULL, NULL);
}

TEST(credentials_of_the_longest_path_win)
{
	expect_login(AUTHS, "quay.io", "team/app", "app", "q");
	expect_login(AUTHS, "quay.io", "team/app/sub", "app", "q");
	expect_login(AUTHS, "quay.io", "team/apple", "ann", "x");
	expect_login(AUTHS, "quay.io", "team", "ann", "x");
	expect_login(AUTHS, "quay.io", "teams/app", NULL, NULL);
}

TEST(credentials_identity_token_is_kept)
{
	own_mem char *helper = NULL;
	struct credentials c;
	bool found;
	EXPECT_OK(credentials_parse(STR("{\"auths\":{\"a.example\":{\"auth\":\"a2ltOg==\","
					"\"identitytoken\":\"tok\"}}}"),
				    "a.example", "x", &helper, &c, &found));
	EXPECT(found);
	EXPECT_STR(str_of(c.identity_token), "tok");
	credentials_done(&c);
}

TEST(credentials_malformed_files_are_refused_without_quoting_them)
{
	own_mem char *helper = NULL;
	struct credentials c;
	bool found;
	struct err *e =
		credentials_parse(STR("{\"auths\":{\"a\":{\"password\":\"hunter2\" oops}}}"), "a",
				  "x", &helper, &c, &found);
	EXPECT(e);
	own_mem char *text = err_text(e);
	EXPECT(!strstr(text, "hunter2") && !strstr(text, "oops"));
	EXPECT_ERR(e, ERR_INVALID, "line 1");
	EXPECT_ERR(credentials_parse(STR("[]"), "a", "x", &helper, &c, &found), ERR_INVALID, NULL);
	EXPECT_ERR(
		credentials_parse(STR("{\"credsStore\":\"../x\"}"), "a", "x", &helper, &c, &found),
		ERR_INVALID, "helper");
}

TEST(credentials_base64)
{
	own_mem char *basic = http_basic(STR("kim"), STR("sec:ret"));
	EXPECT_STR(str_of(basic), "Basic a2ltOnNlYzpyZXQ=");
	own_mem char *a = credentials_base64_decode(STR("a2ltOnNlYzpyZXQ=")),
		     *b = credentials_base64_decode(STR("YWJjAAA=")),
		     *c = credentials_base64_decode(STR("YQ")),
		     *d = credentials_base64_decode(STR(""));
	EXPECT_STR(str_of(a), "kim:sec:ret");
	EXPECT_STR(str_of(b), "abc");
	EXPECT_STR(str_of(c), "a");
	EXPECT_STR(str_of(d), "");
	EXPECT(!credentials_base64_decode(STR("a")));
	EXPECT(!credentials_base64_decode(STR("a b=")));
	EXPECT(!credentials_base64_decode(STR("YQBi")));
}

static void write_file(int dir, const char *name, mode_t mode, const char *text)
{
	own_fd fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	EXPECT_OK(fd_write_all(fd, text, strlen(text)));
}

struct home {
	int dir;
	char path[64];
	char *old_path;
};

static void home_open(struct home *h)
{
	char link[32];
	h->dir = test_tmpdir();
	snprintf(link, sizeof(link), "/proc/self/fd/%d", h->dir);
	ssize_t n = readlink(link, h->path, sizeof(h->path) - 1);
	h->path[MAX(n, 0)] = '\0';
	setenv("DOCKER_CONFIG", h->path, 1);
	setenv("XDG_RUNTIME_DIR", h->path, 1);
	h->old_path = mem_strdup(getenv("PATH"));
	own_mem char *path = mem_printf("%s:%s", h->path, h->old_path);
	setenv("PATH", path, 1);
}

static void home_close(struct home *h)
{
	setenv("PATH", h->old_path, 1);
	unsetenv("DOCKER_CONFIG");
	unsetenv("XDG_RUNTIME_DIR");
	free(h->old_path);
	close(h->dir);
}

TEST(credentials_docker_file_comes_before_podmans)
{
	struct home h;
	struct credentials c;
	bool found;
	home_open(&h);
	EXPECT_OK(credentials_find("a.example", "x", &c, &found));
	EXPECT(!found);
	EXPECT(mkdirat(h.dir, "containers", 0700) == 0);
	write_file(h.dir, "containers/auth.json", 0600,
		   "{\"auths\":{\"a.example/x\":{\"username\":\"p\",\"password\":\"1\"}}}");
	EXPECT_OK(credentials_find("a.example", "x", &c, &found));
	EXPECT(found);
	EXPECT_STR(str_of(c.user), "p");
	EXPECT(strstr(c.from, "containers/auth.json"));
	credentials_done(&c);
	write_file(h.dir, "config.json", 0600,
		   "{\"auths\":{\"a.example\":{\"username\":\"d\",\"password\":\"2\"}}}");
	EXPECT_OK(credentials_find("a.example", "x", &c, &found));
	EXPECT_STR(str_of(c.user), "d");
	credentials_done(&c);
	write_file(h.dir, "config.json", 0600, "{");
	EXPECT_ERR(credentials_find("a.example", "x", &c, &found), ERR_INVALID, "config.json");
	home_close(&h);
}

TEST(credentials_helpers_are_asked)
{
	struct home h;
	struct credentials c;
	bool found;
	home_open(&h);
	write_file(h.dir, "docker-credential-test", 0700,
		   "#!/bin/sh\nread s\ncase $s in\n"
		   "https://index.docker.io/v1/) echo '{\"Username\":\"hub\",\"Secret\":\"h\"}';;\n"
		   "tok.example) echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}';;\n"
		   "bad.example) echo no JSON;;\n"
		   "*) echo credentials not found in native keychain; exit 1;;\nesac\n");
	write_file(h.dir, "config.json", 0600,
		   "{\"credsStore\":\"absent\",\"credHelpers\":{\"docker.io\":\"test\","
		   "\"tok.example\":\"test\",\"none.example\":\"test\",\"bad.example\":\"test\"},"
		   "\"auths\":{\"other.example\":{\"username\":\"o\",\"password\":\"1\"}}}");
	EXPECT_OK(credentials_find("docker.io", "library/x", &c, &found));
	EXPECT(found);
	EXPECT_STR(str_of(c.user), "hub");
	EXPECT_STR(str_of(c.password), "h");
	credentials_done(&c);
	EXPECT_OK(credentials_find("tok.example", "x", &c, &found));
	EXPECT_STR(str_of(c.identity_token), "t");
	EXPECT(!c.user);
	credentials_done(&c);
	EXPECT_OK(credentials_find("none.example", "x", &c, &found));
	EXPECT(!found);
	EXPECT_OK(credentials_find("bad.example", "x", &c, &found));
	EXPECT(!found);
	/* credsStore names a helper that is not there: what is in the file still counts. */
	EXPECT_OK(credentials_find("other.example", "x", &c, &found));
	EXPECT_STR(str_of(c.user), "o");
	credentials_done(&c);
	home_close(&h);
}

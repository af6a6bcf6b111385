/* The inputs that fuzzing starts from, each with the verdict that its name says. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/test.h"
#include "oci/config.h"
#include "oci/manifest.h"
#include "oci/reference.h"

static struct err *read_reference(struct arena *a, const char *name, struct str text)
{
	struct oci_reference r;
	return oci_reference_parse(text, &r);
}

static struct err *read_digest(struct arena *a, const char *name, struct str text)
{
	struct oci_digest d;
	return oci_digest_parse(text, &d);
}

static struct err *read_document(struct arena *a, const char *name, struct str text)
{
	struct oci_document d;
	struct oci_config c;
	if (strstr(name, "-config-"))
		return oci_config_parse(a, text, &c);
	return oci_document_parse(a, text, STR(""), &d);
}

static void check_file(int dir_fd, const char *name,
		       struct err *(*read)(struct arena *, const char *, struct str))
{
	own(arena) a = arena_open(OCI_CONFIG_ARENA_BYTES);
	own_mem char *text = NULL;
	size_t len;
	EXPECT_OK(fd_read_path(dir_fd, name, LIMIT_CONFIG_BYTES, &text, &len));
	own(err) e = read(a, name, str_n(text, len));
	bool accept = !strncmp(name, "accept-", 7);
	EXPECT(accept || !strncmp(name, "reject-", 7));
	if (accept == (e != NULL))
		print_error("wrong verdict on %s: %s\n", name, e ? e->what : "accepted");
	EXPECT(accept == (e == NULL));
}

static void check_folder(const char *folder, size_t at_least,
			 struct err *(*read)(struct arena *, const char *, struct str))
{
	own_mem char *path = mem_printf("%s/%s", KILN_TEST_CORPUS, folder);
	DIR *dir = opendir(path);
	size_t n = 0;
	EXPECT(dir);
	for (struct dirent *d; (d = readdir(dir));) {
		if (d->d_name[0] == '.')
			continue;
		check_file(dirfd(dir), d->d_name, read);
		n++;
	}
	closedir(dir);
	EXPECT(n >= at_least);
}

TEST(reference_corpus)
{
	check_folder("reference", 20, read_reference);
}

TEST(digest_corpus)
{
	check_folder("digest", 10, read_digest);
}

TEST(document_corpus)
{
	check_folder("document", 30, read_document);
}

/* Addresses, refs, commits and paths from anybody. What is taken is safe on a command line, and is
 * taken again as it was written down. */
#include <stdlib.h>

#include "source/git.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
			abort();
	if (!s.len || s.p[0] == '-')
		abort();
}

static void check_url(struct str text)
{
	struct source_url u, again;
	struct err *e = source_url_parse(text, &u);
	if (e) {
		err_free(e);
		return;
	}
	check_plain(str_of(u.text));
	check_plain(str_of(u.host));
	const char *scheme = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
	if (strncmp(u.text + strspn(u.text, scheme), "::", 2) == 0)
		abort(); /* a helper of git's */
	if (!u.port || (u.user[0] && u.scheme != SOURCE_SSH))
		abort();
	e = source_url_parse(str_of(u.text), &again);
	if (e || strcmp(u.text, again.text) != 0 || strcmp(u.host, again.host) != 0 ||
	    strcmp(u.path, again.path) != 0 || u.port != again.port || u.scheme != again.scheme)
		abort();
}

static void check_path(struct str text)
{
	own_mem char *clean = NULL, *again = NULL;
	struct err *e = source_path_clean(text, &clean);
	if (e) {
		err_free(e);
		return;
	}
	if (clean[0] == '/' || strcmp(clean, "..") == 0 || strncmp(clean, "../", 3) == 0 ||
	    strstr(clean, "/../"))
		abort();
	e = source_path_clean(str_of(clean), &again);
	if (e || strcmp(clean, again) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_n((const char *)data, size);
	check_url(in);
	check_path(in);
	if (source_ref_ok(in))
		check_plain(in);
	if (source_commit_ok(in) && size != 40 && size != 64)
		abort();
	return 0;
}

/* Addresses of Git repositories, names of refs, ids of commits, paths: what may come near a command
 * line. */
#include "source/git.h"

#include <stdio.h>
#include <stdlib.h>

static struct err *bad(const char *why)
{
	return err_coded(ERR_INVALID, "SOURCE_URL",
			 "Use https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH.",
			 "the repository's address %s", why);
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool all_of(struct str s, const char *more)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum(s.p[i]) && (!s.p[i] || !strchr(more, s.p[i])))
			return false;
	return s.len > 0;
}

static struct err *take_host(struct str s, struct source_url *u)
{
	bool literal = s.len > 2 && s.p[0] == '[' && s.p[s.len - 1] == ']';
	if (literal ? !all_of(str_n(s.p + 1, s.len - 2), ":.") : !all_of(s, ".-_"))
		return bad("has no valid host");
	if (s.p[0] == '-' || s.p[0] == '.' || s.len >= sizeof(u->host))
		return bad("has no valid host");
	for (size_t i = 0; i < s.len; i++)
		u->host[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]);
	return NULL;
}

static struct err *take_path(struct str s, struct source_url *u)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f ||
		    strchr("\\\"'`<>|;&$^{}?#*", s.p[i]))
			return bad("has a character in its path that is not allowed there");
	struct str rest = s;
	while (rest.p) {
		struct str part = str_cut(&rest, '/');
		if (str_eq(part, STR("..")) || (part.len && part.p[0] == '-'))
			return bad("has a path with .. or a leading dash");
	}
	if (!s.len || str_eq(s, STR("/")) || s.len >= sizeof(u->path))
		return bad("has no path, or too long a one");
	memcpy(u->path, s.p, s.len);
	return NULL;
}

static struct err *take_authority(struct str s, struct source_url *u)
{
	ptrdiff_t at = str_rchr(s, '@');
	if (at >= 0) {
		struct str user = str_first(s, (size_t)at);
		if (u->scheme != SOURCE_SSH)
			return bad("holds a user name: give credentials apart from it");
		if (!all_of(user, "._-") || user.p[0] == '-' || user.len >= sizeof(u->user))
			return bad("has no valid user name");
		memcpy(u->user, user.p, user.len);
		s = str_skip(s, (size_t)at + 1);
	}
	ptrdiff_t colon = s.len && s.p[s.len - 1] == ']' ? -1 : str_rchr(s, ':');
	uint64_t port;
	if (colon >= 0) {
		if (!str_to_u64(str_skip(s, (size_t)colon + 1), 65535, &port) || !port)
			return bad("has no valid port");
		u->port = (uint16_t)port;
		s = str_first(s, (size_t)colon);
	}
	return take_host(s, u);
}

static struct err *with_scheme(struct str s, struct source_url *u)
{
	static const struct {
		const char *text;
		enum source_scheme scheme;
		uint16_t port;
	} schemes[] = { { "https://", SOURCE_HTTPS, 443 },
			{ "http://", SOURCE_HTTP, 80 },
			{ "ssh://", SOURCE_SSH, 22 } };
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		struct str head = str_of(schemes[i].text);
		if (!str_eq_nocase(str_first(s, head.len), head))
			continue;
		u->scheme = schemes[i].scheme;
		u->port = schemes[i].port;
		s = str_skip(s, head.len);
		ptrdiff_t slash = str_chr(s, '/');
		if (slash < 0)
			return bad("has no path");
		TRY(take_authority(str_first(s, (size_t)slash), u));
		TRY(take_path(str_skip(s, (size_t)slash), u));
		bool plain = u->port == schemes[i].port;
		char port[8] = "";
		if (!plain)
			snprintf(port, sizeof(port), ":%u", u->port);
		snprintf(u->text, sizeof(u->text), "%s%s%s%s%s%s", schemes[i].text, u->user,
			 u->user[0] ? "@" : "", u->host, port, u->path);
		return NULL;
	}
	return bad("is neither https://, http:// nor ssh://");
}

struct err *source_url_parse(struct str text, struct source_url *out)
{
	struct source_url u = { .scheme = SOURCE_SSH, .port = 22 };
	if (!text.len || text.len > 1200 || str_has_nul(text))
		return bad("is empty or too long");
	if (text.p[0] == '-')
		return bad("begins with a dash");
	ptrdiff_t colon = str_chr(text, ':'), at = str_chr(text, '@'), slash = str_chr(text, '/');
	bool short_form = at > 0 && colon > at && (slash < 0 || slash > colon);
	if (!short_form) {
		TRY(with_scheme(text, &u));
		*out = u;
		return NULL;
	}
	struct str path = str_skip(text, (size_t)colon + 1);
	if (str_starts(path, STR(":")))
		return bad("is not USER@HOST:PATH");
	TRY(take_authority(str_first(text, (size_t)colon), &u));
	TRY(take_path(path, &u));
	snprintf(u.text, sizeof(u.text), "%s@%s:%s", u.user, u.host, u.path);
	*out = u;
	return NULL;
}

struct str source_ref_short(struct str ref)
{
	static const struct str roots[] = { { "refs/heads/", 11 }, { "refs/tags/", 10 } };
	for (size_t i = 0; i < ARRAY_LEN(roots); i++)
		if (str_starts(ref, roots[i]))
			return str_skip(ref, roots[i].len);
	return ref;
}

/* SPEC git-check-ref-format(1) */
bool source_ref_ok(struct str ref)
{
	if (!str_starts(ref, STR("refs/heads/")) && !str_starts(ref, STR("refs/tags/")))
		return false;
	if (ref.len > 1024 || ref.p[ref.len - 1] == '.')
		return false;
	for (size_t i = 0; i < ref.len; i++) {
		unsigned char c = (unsigned char)ref.p[i];
		if (c <= ' ' || c == 0x7f || strchr("~^:?*[\\", c))
			return false;
		if (i && ((c == '.' && ref.p[i - 1] == '.') || (c == '{' && ref.p[i - 1] == '@')))
			return false;
	}
	for (struct str rest = ref; rest.p;) {
		struct str part = str_cut(&rest, '/');
		if (!part.len || part.p[0] == '.' || str_ends(part, STR(".lock")))
			return false;
	}
	return true;
}

bool source_commit_ok(struct str id)
{
	if (id.len != 40 && id.len != 64)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (!(id.p[i] >= '0' && id.p[i] <= '9') && !(id.p[i] >= 'a' && id.p[i] <= 'f'))
			return false;
	return true;
}

struct err *source_path_clean(struct str path, char **out)
{
	done(buf) b;
	buf_init(&b, 1025);
	if (str_has_nul(path) || path.len > 1024)
		return err_coded(ERR_INVALID, "PATH", "Name a shorter path.",
				 "a path has at most 1024 bytes, and no NUL");
	for (struct str rest = path; rest.p;) {
		struct str part = str_cut(&rest, '/');
		if (!part.len || str_eq(part, STR(".")))
			continue;
		if (str_eq(part, STR("..")))
			return err_coded(ERR_INVALID, "PATH",
					 "Name it from the root of the repository, without \"..\".",
					 "the path " STR_FMT " leaves the repository",
					 STR_ARG(path));
		if (b.len)
			buf_add_c(&b, '/');
		buf_add(&b, part);
	}
	*out = b.len ? buf_steal(&b) : mem_strdup("");
	return NULL;
}

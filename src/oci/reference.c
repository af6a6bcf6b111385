#include "oci/reference.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/limits.h"
#include "oci/shown_priv.h"

#define DEFAULT_HOST "docker.io"
#define OFFICIAL     "library/"

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
	return is_lower_or_digit(c) || is_upper(c);
}

/* The number of bytes of `s`, from `i` on, that are one separator: ".", "_", "__" or dashes. */
static size_t separator_len(struct str s, size_t i)
{
	size_t n = i;
	if (s.p[i] == '.')
		return 1;
	if (s.p[i] == '_')
		return i + 1 < s.len && s.p[i + 1] == '_' ? 2 : 1;
	while (n < s.len && s.p[n] == '-')
		n++;
	return n - i;
}

/* SPEC distribution-spec <name>: [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*, in one pass. */
static bool component_ok(struct str s)
{
	bool after_word = false;
	for (size_t i = 0; i < s.len;) {
		if (is_lower_or_digit(s.p[i])) {
			after_word = true;
			i++;
			continue;
		}
		size_t n = separator_len(s, i);
		if (!n || !after_word)
			return false;
		after_word = false;
		i += n;
	}
	return after_word;
}

bool oci_repository_name_ok(struct str s)
{
	if (!s.len || s.len > LIMIT_NAME_BYTES)
		return false;
	for (struct str rest = s; rest.p;)
		if (!component_ok(str_cut(&rest, '/')))
			return false;
	return true;
}

bool oci_tag_ok(struct str s)
{
	if (!s.len || s.len > 128 || s.p[0] == '.' || s.p[0] == '-')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '_' && s.p[i] != '.' && s.p[i] != '-')
			return false;
	return true;
}

static bool has_upper(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (is_upper(s.p[i]))
			return true;
	return false;
}

/* Labels of letters, digits and inner dashes, joined by dots. SPEC RFC 1123 2.1 */
static bool host_name_ok(struct str s)
{
	for (struct str rest = s; rest.p;) {
		struct str label = str_cut(&rest, '.');
		if (!label.len || label.p[0] == '-' || label.p[label.len - 1] == '-')
			return false;
		for (size_t i = 0; i < label.len; i++)
			if (!is_alnum(label.p[i]) && label.p[i] != '-')
				return false;
	}
	return s.len > 0;
}

static bool ipv6_ok(struct str s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	if (s.len >= sizeof(text) || str_has_nul(s))
		return false;
	snprintf(text, sizeof(text), STR_FMT, STR_ARG(s));
	return inet_pton(AF_INET6, text, &addr) == 1;
}

static bool port_ok(struct str s)
{
	uint64_t n;
	return s.len && s.p[0] != '0' && str_to_u64(s, 65535, &n);
}

/* `s` is HOST[:PORT] or [IPV6][:PORT]. */
static bool host_ok(struct str s)
{
	struct str name = s, port = { NULL, 0 };
	bool bracketed = s.len && s.p[0] == '[';
	ptrdiff_t colon = bracketed ? str_rchr(s, ']') + 1 : str_chr(s, ':');
	if (bracketed && colon == 0)
		return false;
	if (colon > 0 && (size_t)colon < s.len) {
		name = str_first(s, (size_t)colon);
		port = str_skip(s, (size_t)colon);
		if (port.p[0] != ':' || !port_ok(str_skip(port, 1)))
			return false;
	}
	if (bracketed)
		return ipv6_ok(str_n(name.p + 1, name.len - 2));
	return host_name_ok(name);
}

static struct err *set_host(struct str s, struct oci_reference *r)
{
	if (s.len > LIMIT_NAME_BYTES)
		return err_new(ERR_INVALID, "registry host \"%s\" is longer than %d bytes",
			       oci_shown(s).s, LIMIT_NAME_BYTES);
	if (!host_ok(s))
		return err_new(ERR_INVALID, "\"%s\" is no registry host: write HOST or HOST:PORT",
			       oci_shown(s).s);
	for (size_t i = 0; i < s.len; i++)
		r->host[i] = is_upper(s.p[i]) ? (char)(s.p[i] + 32) : s.p[i];
	/* The name that Docker's own configuration files use for its hub. */
	if (!strcmp(r->host, "index.docker.io")) {
		memset(r->host, 0, sizeof(r->host));
		strcpy(r->host, DEFAULT_HOST);
	}
	return NULL;
}

static struct err *set_repository(struct str s, struct oci_reference *r)
{
	bool official = !strcmp(r->host, DEFAULT_HOST) && str_chr(s, '/') < 0;
	size_t len = s.len + (official ? strlen(OFFICIAL) : 0);
	if (!s.len)
		return err_new(ERR_INVALID, "repository name is missing");
	if (has_upper(s))
		return err_new(ERR_INVALID, "repository name must be lower case: \"%s\"",
			       oci_shown(s).s);
	if (len > LIMIT_NAME_BYTES)
		return err_new(ERR_INVALID, "repository name \"%s\" is longer than %d bytes",
			       oci_shown(s).s, LIMIT_NAME_BYTES);
	if (!oci_repository_name_ok(s))
		return err_new(ERR_INVALID,
			       "repository name \"%s\" may hold a-z and 0-9, with \".\", \"_\", "
			       "\"__\" or dashes between them, and \"/\" between such parts",
			       oci_shown(s).s);
	snprintf(r->repository, sizeof(r->repository), "%s" STR_FMT, official ? OFFICIAL : "",
		 STR_ARG(s));
	return NULL;
}

static struct err *set_tag(struct str s, struct oci_reference *r)
{
	if (!oci_tag_ok(s))
		return err_new(ERR_INVALID,
			       "tag \"%s\" must be 1 to 128 of a-z, A-Z, 0-9, \"_\", \".\" and "
			       "\"-\", and start with none of the last two",
			       oci_shown(s).s);
	memcpy(r->tag, s.p, s.len);
	return NULL;
}

/* Is the first component of a name a host, as "localhost", "a.b" or "a:1" are? */
static bool looks_like_host(struct str s)
{
	return str_chr(s, '.') >= 0 || str_chr(s, ':') >= 0 || str_eq(s, STR("localhost"));
}

static struct err *parse_name(struct str s, const char *default_host, struct oci_reference *r)
{
	ptrdiff_t slash = str_rchr(s, '/'), colon = str_rchr(s, ':');
	struct str name = s;
	if (colon > slash) {
		name = str_first(s, (size_t)colon);
		TRY(set_tag(str_skip(s, (size_t)colon + 1), r));
	} else if (!r->has_digest) {
		TRY(set_tag(STR("latest"), r));
	}
	slash = str_chr(name, '/');
	if (slash >= 0 && looks_like_host(str_first(name, (size_t)slash))) {
		TRY(set_host(str_first(name, (size_t)slash), r));
		name = str_skip(name, (size_t)slash + 1);
	} else {
		strcpy(r->host, default_host);
	}
	return set_repository(name, r);
}

static struct err *parse(struct str text, const char *default_host, struct oci_reference *out)
{
	struct oci_reference r = { .has_digest = false };
	struct str name = text;
	ptrdiff_t at = str_chr(text, '@');
	if (!text.len)
		return err_new(ERR_INVALID, "image reference is empty");
	if (memmem(text.p, text.len, "://", 3))
		return err_new(ERR_INVALID,
			       "image reference \"%s\" must not name a protocol: write HOST/NAME",
			       oci_shown(text).s);
	struct err *e = NULL;
	if (at >= 0) {
		e = oci_digest_parse(str_skip(text, (size_t)at + 1), &r.digest);
		r.has_digest = true;
		name = str_first(text, (size_t)at);
	}
	if (!e)
		e = parse_name(name, default_host, &r);
	if (e)
		return err_wrap(e, "image reference \"%s\"", oci_shown(text).s);
	*out = r;
	return NULL;
}

struct err *oci_reference_parse(struct str text, struct oci_reference *out)
{
	return parse(text, DEFAULT_HOST, out);
}

struct err *oci_reference_parse_local(struct str text, struct oci_reference *out)
{
	return parse(text, "", out);
}

struct oci_reference_text oci_reference_text(const struct oci_reference *r)
{
	struct oci_reference_text t;
	const char *host = r->host, *name = r->repository;
	if (!strcmp(host, DEFAULT_HOST)) {
		struct str rest = str_of(name);
		struct str first = str_cut(&rest, '/');
		bool official = rest.p && str_eq(first, STR("library")) && str_chr(rest, '/') < 0;
		if (official)
			name = rest.p;
		/* "docker.io/a.b/c" without its host would name the host a.b. */
		if (official || !looks_like_host(first))
			host = "";
	}
	snprintf(t.s, sizeof(t.s), "%s%s%s%s%s%s%s", host, host[0] ? "/" : "", name,
		 r->tag[0] ? ":" : "", r->tag, r->has_digest ? "@" : "",
		 r->has_digest ? oci_digest_text(&r->digest).s : "");
	return t;
}

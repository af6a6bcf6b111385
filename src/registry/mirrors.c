#include "registry/mirrors.h"

#include <stdlib.h>

#include "http/url.h"
#include "oci/reference.h"

const char *mirrors_canonical_host(const char *host)
{
	static const char *const hub[] = { "index.docker.io", "registry-1.docker.io",
					   "registry.hub.docker.com" };
	for (size_t i = 0; i < ARRAY_LEN(hub); i++)
		if (strcmp(host, hub[i]) == 0)
			return "docker.io";
	return host;
}

/* The URL's path as a prefix of repository names; false if it cannot be one. */
static bool prefix_of(struct str path, char **out)
{
	if (str_eq(path, STR("/v2")))
		path = STR("");
	else if (str_starts(path, STR("/v2/")))
		path = str_skip(path, 3);
	while (str_starts(path, STR("/")))
		path = str_skip(path, 1);
	while (str_ends(path, STR("/")) && path.len)
		path.len--;
	if (path.len && !oci_repository_name_ok(path))
		return false;
	*out = mem_printf(STR_FMT "%s", STR_ARG(path), path.len ? "/" : "");
	return true;
}

static struct err *parse_url(struct str text, struct mirror *m)
{
	bool has_scheme = memmem(text.p, text.len, "://", 3);
	struct str host = text;
	host = str_cut(&host, '/');
	own_mem char *whole = mem_printf("%s" STR_FMT,
					 has_scheme                    ? ""
					 : http_host_is_loopback(host) ? "http://"
								       : "https://",
					 STR_ARG(text));
	done(http_url) u = { 0 };
	TRY(http_url_parse(str_of(whole), &u));
	struct str tail = str_skip(str_of(u.text), strlen(u.tls ? "https://" : "http://"));
	struct str at = str_cut(&tail, '/');
	own_mem char *path = mem_printf("/" STR_FMT, STR_ARG(tail));
	if (strpbrk(path, "?") || !prefix_of(str_of(path), &m->prefix))
		return err_new(ERR_INVALID, "its path is no repository name");
	m->tls = u.tls;
	m->at = str_dup(at);
	m->origin = mem_printf("%s://%s", u.tls ? "https" : "http", m->at);
	return NULL;
}

static void mirror_done(struct mirror *m)
{
	free(m->host);
	free(m->origin);
	free(m->at);
	free(m->prefix);
}

static struct err *parse_one(const char *text, struct mirrors *out)
{
	struct str url = str_of(text), host = str_trim(str_cut(&url, '='));
	url = str_trim(url);
	if (!host.len || !url.len || str_chr(host, '/') >= 0)
		return err_new(ERR_INVALID,
			       "registry mirror \"%s\": it is written HOST=URL, as in "
			       "docker.io=https://mirror.example",
			       text);
	struct mirror m = { 0 };
	struct err *e = parse_url(url, &m);
	if (e) {
		mirror_done(&m);
		return err_wrap(e, "registry mirror \"%s\"", text);
	}
	own_mem char *name = str_dup(host);
	m.host = mem_strdup(mirrors_canonical_host(name));
	mem_reserve_one(out->v, out->n, out->cap);
	out->v[out->n++] = m;
	return NULL;
}

struct err *mirrors_parse(const char *const *texts, struct mirrors *out)
{
	struct mirrors m = { 0 };
	for (; texts && *texts; texts++) {
		struct err *e = parse_one(*texts, &m);
		if (e) {
			mirrors_done(&m);
			return e;
		}
	}
	*out = m;
	return NULL;
}

void mirrors_done(struct mirrors *m)
{
	for (size_t i = 0; i < m->n; i++)
		mirror_done(&m->v[i]);
	free(m->v);
	*m = (struct mirrors){ 0 };
}

const struct mirror *mirrors_next(const struct mirrors *m, const char *host,
				  const struct mirror *after)
{
	const struct mirror *end = m->v + m->n;
	for (const struct mirror *p = after ? after + 1 : m->v; p < end; p++)
		if (strcmp(p->host, mirrors_canonical_host(host)) == 0)
			return p;
	return NULL;
}

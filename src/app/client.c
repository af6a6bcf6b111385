#include "app/client.h"

#include <stdlib.h>
#include <string.h>

#include "app/cancel.h"
#include "app/login.h"
#include "oci/reference.h"
#include "registry/mirrors.h"

const char **client_words(const struct invocation *in, const char *option)
{
	const struct option_values *given = option_all(in, option);
	const char **v = mem_new_array(given->n + 1, const char *);
	if (given->n)
		memcpy(v, given->v, given->n * sizeof(*v));
	return v;
}

/* As it stands in an image's name: "registry.example:5000". */
static struct err *check_host(const char *host)
{
	struct oci_reference ref;
	own_mem char *name = mem_printf("%s/x", host);
	struct err *e = strchr(host, '/') ? NULL : oci_reference_parse(str_of(name), &ref);
	bool ok = !e && strcmp(ref.host, host) == 0;
	err_free(e);
	return ok || strcmp(host, "docker.io") == 0
		       ? NULL
		       : err_new(ERR_INVALID,
				 "--insecure-registry \"%s\" is no HOST or HOST:PORT, as in "
				 "registry.example:5000",
				 host);
}

struct err *client_check(const struct invocation *in)
{
	own_mem const char **mirrors = client_words(in, "registry-mirror");
	struct mirrors parsed;
	TRY(err_wrap(mirrors_parse(mirrors, &parsed), "--registry-mirror"));
	mirrors_done(&parsed);
	const struct option_values *insecure = option_all(in, "insecure-registry");
	for (size_t i = 0; i < insecure->n; i++)
		TRY(check_host(insecure->v[i]));
	return NULL;
}

struct err *client_open(const struct invocation *in, const int *cancel_fd,
			struct registry_client **out)
{
	own_mem const char **mirrors = client_words(in, "registry-mirror");
	own_mem const char **insecure = client_words(in, "insecure-registry");
	own(arena) a = arena_open(4 << 20);
	struct registry_login *logins;
	size_t n_logins;
	login_registries(a, &logins, &n_logins);
	const struct registry_client_options o = {
		.logins = logins,
		.n_logins = n_logins,
		.mirrors = mirrors,
		.insecure = insecure,
		.canceled = cancel_asked,
		.arg = (void *)cancel_fd,
	};
	return registry_client_open(&o, out);
}

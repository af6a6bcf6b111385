#include "pipeline/pipeline_priv.h"

#include <stdlib.h>

#include <openssl/crypto.h>

struct err *pipeline_seal(struct pipeline *p, struct arena *a, const char *id, const char *what,
			  struct str plain, const char **out)
{
	own_mem char *purpose = mem_printf("%s %s", id, what);
	own_mem char *sealed = NULL;
	TRY(auth_seal(p->o.auth, purpose, plain, &sealed));
	*out = arena_strdup(a, str_of(sealed));
	return NULL;
}

struct err *pipeline_unseal(struct pipeline *p, struct arena *a, const char *id, const char *what,
			    const char *sealed, struct str *out)
{
	own_mem char *purpose = mem_printf("%s %s", id, what);
	char *plain = NULL;
	size_t len = 0;
	TRY(auth_unseal(p->o.auth, purpose, str_of(sealed), &plain, &len));
	*out = arena_str(a, str_n(plain, len));
	OPENSSL_cleanse(plain, len);
	free(plain);
	return NULL;
}

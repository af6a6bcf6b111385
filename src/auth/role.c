#include "auth/auth.h"

static const char *const names[] = {
	[AUTH_NONE] = "none",         [AUTH_VIEW] = "view",   [AUTH_DEVELOP] = "develop",
	[AUTH_MAINTAIN] = "maintain", [AUTH_ADMIN] = "admin",
};

const char *auth_role_name(enum auth_role r)
{
	return names[r];
}

bool auth_role_parse(struct str name, enum auth_role *out)
{
	for (size_t i = AUTH_VIEW; i < ARRAY_LEN(names); i++) {
		if (str_eq(name, str_of(names[i]))) {
			*out = (enum auth_role)i;
			return true;
		}
	}
	return false;
}

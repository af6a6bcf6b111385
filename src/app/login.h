/* Which server the command line talks to, and as whom: kept by `kiln login`, overridden by
 * --server, $KILN_SERVER and $KILN_TOKEN. The file is $KILN_CONFIG, or
 * $XDG_CONFIG_HOME/kiln/login.json, mode 0600:
 * {"current":URL,"servers":{URL:{"user":NAME,"token":TOKEN}}}. */
#ifndef KILN_APP_LOGIN_H
#define KILN_APP_LOGIN_H

#include "app/options.h"
#include "base/arena.h"

struct login {
	char *server; /* owned; "http://127.0.0.1:8080", no slash at the end */
	char *token;  /* owned; NULL: not logged in there */
	char *user;   /* owned; NULL unless kept with the token */
};

/* ERR_INVALID when the option's value, or else $KILN_SERVER, is no http(s) URL. */
struct err *login_check_server(const char *server);
/* `server` is the option's value, or NULL. ERR_INVALID when it is no http(s) URL; ERR_DENIED when
 * others may read the file. */
struct err *login_find(const char *server, struct login *out);
void login_done(struct login *l);
/* Keeps it and makes it the current one; a NULL token forgets the server. */
struct err *login_keep(const struct login *l);
/* The kept logins as those of registries: host, user "token", the token. All owned by `a`. A file
 * that cannot be read is no login. */
struct registry_login;
void login_registries(struct arena *a, struct registry_login **out, size_t *n);
/* A URL, or HOST[:PORT] for which loopback means http. The caller frees `*out`. */
struct err *login_server_url(const char *text, char **out);

int login_command(const struct invocation *in);
int logout_command(const struct invocation *in);

#endif

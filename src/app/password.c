#include "app/password.h"

#include <stdlib.h>
#include <string.h>

#include "app/rest.h"
#include "app/secret.h"
#include "base/limits.h"
#include "http/url.h"

struct change { /* owned */
	char *now, *then;
};

static struct err *ask_twice(const char *otherwise, char **out)
{
	own_mem char *again = NULL;
	own_mem char *prompt =
		mem_printf("New password, at least %d characters: ", LIMIT_PASSWORD_LEAST);
	TRY(secret_ask(prompt, otherwise, out));
	TRY(secret_ask("Once more: ", otherwise, &again));
	if (strcmp(*out, again) == 0)
		return NULL;
	return err_new(ERR_INVALID, "the two are not the same; the password stays as it is");
}

static struct err *read_change(const struct invocation *in, void *state)
{
	struct change *c = state;
	const char *file = option_get(in, "current-file");
	bool by_stdin = option_get(in, "password-stdin") != NULL;
	if (file && by_stdin && strcmp(file, "-") == 0)
		return err_new(ERR_INVALID, "standard input cannot be both passwords: put the "
					    "present one into a file");
	if (file)
		TRY(err_wrap(secret_file(file, &c->now), "--current-file"));
	else if (!in->n_args)
		TRY(secret_ask("Present password: ", "--current-file and --password-stdin",
			       &c->now));
	if (by_stdin)
		return err_wrap(secret_stdin(&c->then), "--password-stdin");
	return ask_twice("--password-stdin", &c->then);
}

static struct err *own_name(const struct login *l, char **out)
{
	own_json who = NULL;
	struct str kind = { 0 }, name = { 0 };
	TRY(rest_ask(l, "GET", "/api/v1/whoami", NULL, &who));
	TRY(json_get_str(who, "kind", &kind));
	TRY(json_get_str(who, "name", &name));
	if (!str_eq(kind, STR("user")))
		return err_new(ERR_DENIED, "you are nobody at %s: kiln login, or say whose",
			       l->server);
	*out = str_dup(name);
	return NULL;
}

static struct err *change(const struct invocation *in, struct login *l, void *state)
{
	const struct change *c = state;
	own_mem char *name = in->n_args ? mem_strdup(in->args[0]) : NULL;
	if (!name)
		TRY(own_name(l, &name));
	struct buf path;
	buf_init(&path, 4096);
	buf_add(&path, STR("/api/v1/users/"));
	http_url_add_segment(&path, str_of(name));
	own_mem char *at = buf_steal(&path);
	own_json body = json_pack("{s:s}", "password", c->then), user = NULL;
	if (c->now)
		json_object_set_new(body, "currentPassword", json_string(c->now));
	TRY(rest_ask(l, "PATCH", at, body, &user));
	own_mem char *text = mem_printf("%s has a new password", name);
	if (option_get(in, "json"))
		rest_print(in, user, NULL);
	else
		rest_print_done(in, l->server, text);
	return NULL;
}

int user_password_command(const struct invocation *in)
{
	struct change c = { NULL, NULL };
	int code = rest_run(in, &c, read_change, change);
	free(c.now);
	free(c.then);
	return code;
}

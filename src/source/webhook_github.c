/* GitHub's payloads, and those of Gitea, Forgejo, Gogs and Gitee, which are made after them: one
 * ref per delivery. SPEC GitHub "Webhook events and payloads": push, create, delete */
#include "source/webhook_priv.h"

static const char *const people[] = { "pusher.login", "pusher.username", "pusher.name",
				      "sender.login", "user_name",       NULL };

static struct str member_id(json_t *j, const char *key)
{
	json_t *o = json_object_get(j, key);
	const char *id = json_string_value(json_object_get(o, "id"));
	return str_of(id);
}

static struct err *read_push(struct webhook *w, json_t *j)
{
	struct str ref, after = STR("");
	bool deleted = false, forced = false;
	TRY(webhook_need_str(j, "ref", &ref));
	TRY(json_get_str(j, "after", &after));
	TRY(json_get_bool(j, "deleted", &deleted));
	TRY(json_get_bool(j, "forced", &forced));
	/* `after` of an annotated tag is the tag's own object. */
	struct str commit =
		str_starts(ref, STR("refs/tags/")) ? member_id(j, "head_commit") : after;
	webhook_add(w, ref, commit, deleted || webhook_is_zero(after), forced);
	w->out->kind = w->n_changes ? SOURCE_PUSH : SOURCE_OTHER;
	return NULL;
}

/* The other way to say that a branch or tag came or went: with its short name. */
static struct err *read_create_or_delete(struct webhook *w, json_t *j, bool deleted)
{
	struct str ref, type, sha = STR("");
	TRY(webhook_need_str(j, "ref_type", &type));
	if (!str_eq(type, STR("branch")) && !str_eq(type, STR("tag")))
		return NULL; /* a repository */
	TRY(webhook_need_str(j, "ref", &ref));
	TRY(json_get_str(j, "sha", &sha));
	const char *root = str_eq(type, STR("tag")) ? "refs/tags/" : "refs/heads/";
	own_mem char *full = mem_printf("%s" STR_FMT, root, STR_ARG(str_first(ref, 4096)));
	/* Whether the `sha` of a tag is the tag's own is not said. */
	webhook_add(w, str_of(full), str_eq(type, STR("tag")) ? STR("") : sha, deleted, false);
	w->out->kind = w->n_changes ? SOURCE_PUSH : SOURCE_OTHER;
	return NULL;
}

struct err *webhook_read_github(struct webhook *w, json_t *j)
{
	struct str event = str_of(w->out->event);
	w->out->pusher = webhook_person(w, j, people);
	if (str_eq(event, STR("push")) || str_eq_nocase(event, STR("Push Hook")) ||
	    str_eq_nocase(event, STR("Tag Push Hook")))
		return read_push(w, j);
	if (str_eq(event, STR("create")) || str_eq(event, STR("delete")))
		return read_create_or_delete(w, j, str_eq(event, STR("delete")));
	return NULL;
}

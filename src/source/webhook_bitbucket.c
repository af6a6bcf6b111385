/* Bitbucket's payloads, which have many refs each: Cloud, and Data Center.
 * SPEC Bitbucket Cloud "Event payloads": Push; Data Center "Event payload": Push */
#include "source/webhook_priv.h"

static const char *const people[] = { "actor.nickname", "actor.name", "actor.display_name", NULL };

/* ---- Cloud ---- */

static struct err *add_cloud(struct webhook *w, json_t *change)
{
	json_t *now = NULL, *old = NULL, *target = NULL;
	struct str type, name, hash = STR("");
	bool forced = false, truncated = false;
	TRY(json_get_obj(change, "new", &now));
	TRY(json_get_obj(change, "old", &old));
	TRY(json_get_bool(change, "forced", &forced));
	TRY(json_get_bool(change, "truncated", &truncated));
	w->look_at_all |= truncated;
	json_t *ref = now ? now : old;
	if (!ref)
		return err_new(ERR_INVALID, "a change has neither \"new\" nor \"old\"");
	TRY(webhook_need_str(ref, "type", &type));
	TRY(webhook_need_str(ref, "name", &name));
	TRY(json_get_obj(ref, "target", &target));
	if (target)
		TRY(json_get_str(target, "hash", &hash));
	bool tag = str_eq(type, STR("tag"));
	if (!tag && !str_eq(type, STR("branch")))
		return NULL;
	own_mem char *full = mem_printf("%s" STR_FMT, tag ? "refs/tags/" : "refs/heads/",
					STR_ARG(str_first(name, 4096)));
	webhook_add(w, str_of(full), hash, !now, forced);
	return NULL;
}

struct err *webhook_read_bitbucket(struct webhook *w, json_t *j)
{
	json_t *push = NULL, *changes = NULL, *c;
	size_t i;
	w->out->pusher = webhook_person(w, j, people);
	if (!str_eq(str_of(w->out->event), STR("repo:push")))
		return NULL;
	w->out->kind = SOURCE_PUSH;
	TRY(json_get_obj(j, "push", &push));
	if (!push)
		return err_new(ERR_INVALID, "\"push\" is missing");
	TRY(json_get_array(push, "changes", &changes));
	json_array_foreach(changes, i, c)
	{
		if (!json_is_object(c))
			return err_new(ERR_INVALID, "an entry of \"changes\" is not an object");
		TRY(add_cloud(w, c));
	}
	return NULL;
}

/* ---- Data Center ---- */

static struct err *add_server(struct webhook *w, json_t *change)
{
	json_t *ref = NULL;
	struct str id = STR(""), to = STR(""), type = STR("");
	TRY(json_get_obj(change, "ref", &ref));
	if (ref)
		TRY(json_get_str(ref, "id", &id));
	if (!id.len)
		TRY(webhook_need_str(change, "refId", &id));
	TRY(json_get_str(change, "toHash", &to));
	TRY(json_get_str(change, "type", &type));
	bool deleted = str_eq(type, STR("DELETE")) || webhook_is_zero(to);
	/* That of an annotated tag is the tag's own object. */
	webhook_add(w, id, str_starts(id, STR("refs/tags/")) ? STR("") : to, deleted, false);
	return NULL;
}

struct err *webhook_read_bitbucket_server(struct webhook *w, json_t *j)
{
	json_t *changes = NULL, *c;
	size_t i;
	w->out->pusher = webhook_person(w, j, people);
	if (!str_eq(str_of(w->out->event), STR("repo:refs_changed")))
		return NULL;
	w->out->kind = SOURCE_PUSH;
	TRY(json_get_array(j, "changes", &changes));
	json_array_foreach(changes, i, c)
	{
		if (!json_is_object(c))
			return err_new(ERR_INVALID, "an entry of \"changes\" is not an object");
		TRY(add_server(w, c));
	}
	return NULL;
}

/* GitLab's payloads, and Codeup's, which are made after them. The payload says what it is: system
 * hooks have one event header for all. SPEC GitLab "Webhook events", "System hooks" */
#include "source/webhook_priv.h"

static const char *const people[] = { "user_username", "user_name", NULL };

static struct err *read_push(struct webhook *w, json_t *j)
{
	struct str ref, after = STR(""), checkout = STR("");
	TRY(webhook_need_str(j, "ref", &ref));
	TRY(json_get_str(j, "after", &after));
	TRY(json_get_str(j, "checkout_sha", &checkout));
	/* `after` of an annotated tag is the tag's own object; `checkout_sha` is the commit. */
	bool tag = str_starts(ref, STR("refs/tags/"));
	webhook_add(w, ref, checkout.len || tag ? checkout : after, webhook_is_zero(after), false);
	w->out->kind = w->n_changes ? SOURCE_PUSH : SOURCE_OTHER;
	return NULL;
}

/* One for all refs of a push, where there are too many for one each. */
static struct err *read_update(struct webhook *w, json_t *j)
{
	json_t *changes = NULL, *c;
	size_t i;
	TRY(json_get_array(j, "changes", &changes));
	json_array_foreach(changes, i, c)
	{
		struct str ref, after = STR("");
		if (!json_is_object(c))
			return err_new(ERR_INVALID, "an entry of \"changes\" is not an object");
		TRY(webhook_need_str(c, "ref", &ref));
		TRY(json_get_str(c, "after", &after));
		bool tag = str_starts(ref, STR("refs/tags/"));
		webhook_add(w, ref, tag ? STR("") : after, webhook_is_zero(after), false);
	}
	w->out->kind = SOURCE_PUSH;
	return NULL;
}

struct err *webhook_read_gitlab(struct webhook *w, json_t *j)
{
	struct str kind = STR("");
	TRY(json_get_str(j, "object_kind", &kind));
	if (!kind.len)
		TRY(json_get_str(j, "event_name", &kind));
	if (!kind.len)
		return err_new(ERR_INVALID, "\"object_kind\" is missing");
	if (!*w->out->event)
		w->out->event = arena_strdup(w->arena, str_first(kind, 64));
	w->out->pusher = webhook_person(w, j, people);
	if (str_eq(kind, STR("push")) || str_eq(kind, STR("tag_push")))
		return read_push(w, j);
	if (str_eq(kind, STR("repository_update")))
		return read_update(w, j);
	return NULL;
}

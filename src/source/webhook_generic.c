/* Our own small payload, for post-receive hooks and other services:
 * {"ref": "refs/heads/main", "commit": "…", "deleted": false, "pusher": "…"}, all of it optional.
 */
#include "source/webhook_priv.h"

static const char *const people[] = { "pusher", NULL };

struct err *webhook_read_generic(struct webhook *w, json_t *j)
{
	struct str ref = STR(""), commit = STR("");
	bool deleted = false;
	TRY(json_get_str(j, "ref", &ref));
	TRY(json_get_str(j, "commit", &commit));
	TRY(json_get_bool(j, "deleted", &deleted));
	w->out->event = "push";
	w->out->kind = SOURCE_PUSH;
	w->out->pusher = webhook_person(w, j, people);
	if (!ref.len)
		return NULL;
	webhook_add(w, ref, commit, deleted || webhook_is_zero(commit), false);
	if (!w->n_changes)
		return err_new(ERR_INVALID,
			       "\"ref\" is no full name of a branch or tag: refs/heads/main");
	return NULL;
}

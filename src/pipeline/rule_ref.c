/* Names of branches and tags. */
#include "pipeline/rule_priv.h"

bool pipeline_ref_split(struct str ref, enum pipeline_ref_type *type, struct str *name)
{
	static const struct str heads = { "refs/heads/", 11 }, tags = { "refs/tags/", 10 };
	*type = str_starts(ref, tags) ? PIPELINE_TAG : PIPELINE_BRANCH;
	struct str head = *type == PIPELINE_TAG ? tags : heads;
	if (!str_starts(ref, head) || ref.len == head.len)
		return false;
	*name = str_skip(ref, head.len);
	return true;
}

static const char *bad_part(struct str part)
{
	if (!part.len)
		return "it has an empty part between slashes";
	if (part.p[0] == '.')
		return "a part of it begins with a dot";
	if (str_ends(part, STR(".lock")))
		return "a part of it ends with .lock";
	return NULL;
}

bool pipeline_ref_name_ok(struct str name, const char **why)
{
	*why = NULL;
	if (!name.len)
		*why = "it is empty";
	else if (name.p[0] == '-')
		*why = "it begins with a dash";
	else if (name.p[name.len - 1] == '.')
		*why = "it ends with a dot";
	else if (str_eq(name, STR("@")))
		*why = "it is only @";
	else if (!str_is_utf8(name))
		*why = "it is not UTF-8";
	for (size_t i = 0; i < name.len && !*why; i++) {
		unsigned char c = (unsigned char)name.p[i];
		if (c <= ' ' || c == 0x7f || strchr("~^:?*[\\", c))
			*why = "it has a character that git does not allow";
		else if (i && c == '.' && name.p[i - 1] == '.')
			*why = "it has two dots in a row";
		else if (i && c == '{' && name.p[i - 1] == '@')
			*why = "it has @{";
	}
	for (struct str rest = name; rest.p && !*why;)
		*why = bad_part(str_cut(&rest, '/'));
	return !*why;
}

/* ONBUILD: an instruction inside an instruction. Its text goes to the image's configuration and is
 * parsed again, by dockerfile_parse_onbuild(), where the image is a base. */
#include "dockerfile/dockerfile_priv.h"

struct err *dockerfile_parse_inner(struct parser *p, struct str text,
				   struct dockerfile_instruction *in)
{
	static const enum dockerfile_kind refused[] = { DOCKERFILE_FROM, DOCKERFILE_MAINTAINER,
							DOCKERFILE_ONBUILD };
	struct str rest = text, name = dockerfile_first_word(&rest);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (str_eq_nocase(name, str_of(dockerfile_kind_name(refused[i]))))
			return dockerfile_fail(p, name.p, "%s cannot stand in ONBUILD",
					       dockerfile_kind_name(refused[i]));
	return dockerfile_parse_one(p, text, in);
}

struct err *dockerfile_parse_trigger(struct parser *p, struct dockerfile_instruction *in,
				     struct str args)
{
	if (!args.len)
		return dockerfile_fail(p, p->line.text.p, "ONBUILD needs an instruction");
	in->onbuild.inner = arena_new(p->a, struct dockerfile_instruction);
	TRY(dockerfile_parse_inner(p, args, in->onbuild.inner));
	in->onbuild.text = dockerfile_heredoc_text(p, args);
	return NULL;
}

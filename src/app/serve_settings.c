#include "app/serve_settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A list, with a comma between; NULL: there is none. */
static char *joined(const struct invocation *in, const char *option)
{
	const struct option_values *given = option_all(in, option);
	char *text = NULL;
	for (size_t i = 0; i < given->n; i++) {
		char *longer =
			text ? mem_printf("%s, %s", text, given->v[i]) : mem_strdup(given->v[i]);
		free(text);
		text = longer;
	}
	return text;
}

static const char *anonymous_name(enum serve_anonymous a)
{
	switch (a) {
	case SERVE_ANONYMOUS_NONE:
		return "none";
	case SERVE_ANONYMOUS_PUSH:
		return "push";
	case SERVE_ANONYMOUS_PULL:
		break;
	}
	return "pull";
}

static char *offset_text(int minutes)
{
	return mem_printf("%c%02d:%02d", minutes < 0 ? '-' : '+', abs(minutes) / 60,
			  abs(minutes) % 60);
}

struct api_setting *serve_settings(const struct invocation *in, const struct serve_options *o)
{
	const char *config = option_get(in, "config");
	const struct api_setting list[] = {
		{ "config", config ? mem_strdup(config) : NULL },
		{ "listen", mem_strdup(o->listen) },
		{ "external-url", o->external_url ? mem_strdup(o->external_url) : NULL },
		{ "trusted-proxy", joined(in, "trusted-proxy") },
		{ "anonymous", mem_strdup(anonymous_name(o->anonymous)) },
		{ "session-idle", mem_printf("%u", o->session_idle_s) },
		{ "session-life", mem_printf("%u", o->session_life_s) },
		{ "slots", mem_printf("%u", o->slots) },
		{ "no-emulation", mem_strdup(o->no_emulation ? "yes" : "no") },
		{ "lease", mem_printf("%u", o->lease_s) },
		{ "endpoint-private", mem_strdup(o->endpoint_private ? "yes" : "no") },
		{ "endpoint-retry", mem_printf("%u", o->endpoint_retry_ms / 1000) },
		{ "base-interval", mem_printf("%u", o->base_interval_s) },
		{ "utc-offset", offset_text(o->utc_offset_min) },
		{ "registry-mirror", joined(in, "registry-mirror") },
		{ "insecure-registry", joined(in, "insecure-registry") },
		{ NULL, NULL },
	};
	struct api_setting *out = mem_new_array(ARRAY_LEN(list), struct api_setting);
	memcpy(out, list, sizeof(list));
	return out;
}

void serve_settings_free(struct api_setting *list)
{
	for (struct api_setting *s = list; s && s->name; s++)
		free(s->value);
	free(list);
}

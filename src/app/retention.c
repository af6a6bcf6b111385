#include "app/retention.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "app/rest.h"
#include "base/limits.h"

/* ---- what the options say of a policy ---- */

/* "v*=10", "dev-*=30d", "rc-*=5,30d": the last = counts, as expressions may have some. */
static struct err *parse_rule(const char *word, json_t *list)
{
	struct str pattern = str_of(word);
	ptrdiff_t at = str_rchr(pattern, '=');
	uint64_t newest = 0, days = 0;
	bool ok = at > 0;
	struct str rest = ok ? str_skip(pattern, (size_t)at + 1) : STR("");
	while (rest.p && ok) {
		struct str part = str_cut(&rest, ',');
		bool is_days = str_ends(part, STR("d"));
		if (is_days)
			part.len--;
		ok = str_to_u64(part, is_days ? LIMIT_RETENTION_DAYS : LIMIT_RETENTION_NEWEST,
				is_days ? &days : &newest);
	}
	if (!ok || !(newest + days))
		return err_new(ERR_INVALID,
			       "--rule %s is not PATTERN=KEEP: v*=10 keeps the newest 10, "
			       "dev-*=30d those of 30 days, rc-*=5,30d both",
			       word);
	json_array_append_new(list, json_pack("{s:s%, s:I, s:I}", "pattern", pattern.p, (size_t)at,
					      "keepNewest", (json_int_t)newest, "keepDays",
					      (json_int_t)days));
	return NULL;
}

static struct err *read_rules(const struct invocation *in, json_t *change)
{
	const struct option_values *v = option_all(in, "rule");
	json_t *list = json_array();
	json_object_set_new(change, "rules", list);
	for (size_t i = 0; i < v->n; i++)
		TRY(parse_rule(v->v[i], list));
	return NULL;
}

/* Only what was given: the rest stays as it is stored. */
static struct err *read_change(const struct invocation *in, bool storing, json_t **out)
{
	own_json change = json_object();
	const char *untagged = option_get(in, "untagged-days");
	const char *enabled = storing ? option_get(in, "enabled") : NULL;
	if (option_get(in, "rule"))
		TRY(read_rules(in, change));
	if (option_get(in, "never")) {
		const struct option_values *v = option_all(in, "never");
		json_t *list = json_array();
		for (size_t i = 0; i < v->n; i++)
			json_array_append_new(list, json_string(v->v[i]));
		json_object_set_new(change, "never", list);
	}
	if (untagged)
		json_object_set_new(change, "untaggedDays",
				    strcmp(untagged, "0") == 0 ? json_null()
							       : json_integer(atoll(untagged)));
	if (enabled)
		json_object_set_new(change, "enabled", json_boolean(strcmp(enabled, "yes") == 0));
	if (storing && !json_object_size(change))
		return err_new(ERR_INVALID, "kiln retention set changes nothing without an option; "
					    "kiln retention set --help lists them");
	*out = move(change);
	return NULL;
}

/* The stored policy with the change. */
static struct err *changed_policy(const struct login *l, const struct rest_request *get,
				  json_t *change, json_t **out)
{
	static const char *const members[] = { "enabled", "rules", "never", "untaggedDays" };
	own_json now = NULL;
	TRY(rest_ask_prepared(l, get, &now));
	json_t *policy = json_object();
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		json_object_set(policy, members[i], json_object_get(now, members[i]));
	json_object_update(policy, change);
	*out = policy;
	return NULL;
}

struct changing {
	struct rest_request get, then; /* owned */
	json_t *change;                /* owned */
};

static struct err *read_set(const struct invocation *in, void *state)
{
	struct changing *c = state;
	TRY(rest_prepare(in, &service_retention_get, &c->get));
	TRY(rest_prepare(in, &service_retention_set, &c->then));
	return read_change(in, true, &c->change);
}

static struct err *read_preview(const struct invocation *in, void *state)
{
	struct changing *c = state;
	TRY(rest_prepare(in, &service_retention_get, &c->get));
	TRY(rest_prepare(in, &service_retention_preview, &c->then));
	return read_change(in, false, &c->change);
}

static struct err *ask_changed(const struct login *l, struct changing *c, json_t **answer)
{
	json_decref(c->then.body);
	c->then.body = NULL;
	TRY(changed_policy(l, &c->get, c->change, &c->then.body));
	return rest_ask_prepared(l, &c->then, answer);
}

static int run_changing(const struct invocation *in,
			struct err *(*read)(const struct invocation *in, void *state),
			struct err *(*ask)(const struct invocation *in, struct login *l,
					   void *state))
{
	struct changing c = { .change = NULL };
	int code = rest_run(in, &c, read, ask);
	rest_request_done(&c.get);
	rest_request_done(&c.then);
	json_decref(c.change);
	return code;
}

static struct err *ask_set(const struct invocation *in, struct login *l, void *state)
{
	own_json answer = NULL;
	TRY(ask_changed(l, state, &answer));
	rest_print(in, answer, NULL);
	return NULL;
}

int retention_set_command(const struct invocation *in)
{
	return run_changing(in, read_set, ask_set);
}

/* ---- kiln retention preview ---- */

static long long number(json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static struct err *ask_preview(const struct invocation *in, struct login *l, void *state)
{
	struct changing *c = state;
	own_json answer = NULL;
	TRY(ask_changed(l, c, &answer));
	json_t *untagged = json_object_get(answer, "untagged");
	rest_print(in, answer, c->then.call->columns);
	fflush(stdout);
	if (option_get(in, "json"))
		return NULL;
	fprintf(stderr, "%lld tags go, %lld stay; only those that go hold %.1f MB\n",
		number(answer, "go"), number(answer, "keep"),
		(double)number(answer, "bytes") / 1e6);
	if (number(untagged, "manifests") + number(untagged, "blobs"))
		fprintf(stderr,
			"%lld manifests and %lld layers that nothing needs go too: %.1f MB\n",
			number(untagged, "manifests"), number(untagged, "blobs"),
			(double)number(untagged, "bytes") / 1e6);
	return NULL;
}

int retention_preview_command(const struct invocation *in)
{
	return run_changing(in, read_preview, ask_preview);
}

/* ---- kiln retention run ---- */

static struct err *read_run(const struct invocation *in, void *state)
{
	struct changing *c = state;
	TRY(rest_prepare(in, &service_retention_get, &c->get));
	return rest_prepare(in, &service_retention_run, &c->then);
}

static struct err *ask_run(const struct invocation *in, struct login *l, void *state)
{
	struct changing *c = state;
	own_json now = NULL;
	TRY(rest_ask_prepared(l, &c->then, &now));
	while (json_is_object(json_object_get(now, "running"))) {
		nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
		json_decref(now);
		now = NULL;
		TRY(rest_ask_prepared(l, &c->get, &now));
	}
	json_t *last = json_object_get(now, "lastRun"), *error = json_object_get(last, "error");
	if (option_get(in, "json"))
		rest_print(in, now, NULL);
	else
		printf("removed %lld tags, %lld manifests and %lld layers\n", number(last, "tags"),
		       number(last, "manifests"), number(last, "blobs"));
	if (json_is_object(error))
		return err_new(ERR_UNAVAILABLE, "it did not end well: %s",
			       json_string_value(json_object_get(error, "text")));
	return NULL;
}

int retention_run_command(const struct invocation *in)
{
	return run_changing(in, read_run, ask_run);
}

#include "app/insights.h"

#include <stdio.h>

#include "app/rest.h"

static long long number(json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static json_t *seconds(json_t *ms)
{
	return json_is_integer(ms) ? json_sprintf("%.1fs", (double)json_integer_value(ms) / 1000)
				   : json_null();
}

static json_t *megabytes(json_t *bytes)
{
	return json_sprintf("%.1f MB", (double)json_integer_value(bytes) / 1e6);
}

/* ---- lines ---- */

static void print_builds(json_t *j)
{
	json_t *builds = json_object_get(j, "builds"), *rate = json_object_get(j, "successPercent");
	printf("builds    %lld succeeded, %lld failed, %lld canceled, %lld under way\n",
	       number(builds, "SUCCESS"), number(builds, "FAILED"), number(builds, "CANCELED"),
	       number(builds, "PENDING") + number(builds, "BUILDING"));
	if (json_is_integer(rate))
		printf("success   %lld%%\n", (long long)json_integer_value(rate));
}

static void print_duration(json_t *spread)
{
	own_json median = seconds(json_object_get(spread, "medianMs"));
	own_json p95 = seconds(json_object_get(spread, "p95Ms"));
	if (spread && !json_is_null(spread))
		printf("duration  %s, 95 of 100 at most %s\n", json_string_value(median),
		       json_string_value(p95));
}

static void print_caching(json_t *caching)
{
	json_t *percent = json_object_get(caching, "cachedPercent");
	own_json saved = seconds(json_object_get(caching, "savedMs"));
	if (!json_is_integer(percent))
		return;
	printf("cached    %lld%% of the steps", (long long)json_integer_value(percent));
	if (json_is_string(saved))
		printf("; about %s of work saved", json_string_value(saved));
	printf("\n");
}

static void print_storage(json_t *storage)
{
	own_json all = megabytes(json_object_get(storage, "bytes"));
	own_json once = megabytes(json_object_get(storage, "onceBytes"));
	printf("storage   %s, of which %s are stored: each layer once\n", json_string_value(all),
	       json_string_value(once));
}

static void print_sample(json_t *sample)
{
	if (json_is_string(json_object_get(sample, "since")))
		printf("sample    waits, steps, rules and what was cached are those of the newest "
		       "%lld builds\n",
		       number(sample, "builds"));
}

/* ---- tables ---- */

/* The members of `inner` beside those of the row. */
static void flatten(json_t *rows, const char *inner)
{
	json_t *row;
	size_t i;
	json_array_foreach(rows, i, row)
	{
		json_t *o = json_object_get(row, inner);
		json_object_update_missing(row, json_is_object(o) ? o : NULL);
	}
}

static void convert(json_t *rows, json_t *(*to)(json_t *value), const char *name)
{
	json_t *row;
	size_t i;
	json_array_foreach(rows, i, row)
		json_object_set_new(row, name, to(json_object_get(row, name)));
}

static void print_table(json_t *j, const char *list, const char *title, const char *columns)
{
	json_t *rows = json_object_get(j, list);
	static const char *const times[] = { "medianMs", "p95Ms", "meanMs", "longestMs",
					     "totalMs" };
	if (!json_array_size(rows))
		return;
	flatten(rows, "builds");
	flatten(rows, "duration");
	flatten(rows, "wait");
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		convert(rows, seconds, times[i]);
	printf("\n%s\n", title);
	rest_print_table(rows, columns);
}

static void print_insights(json_t *j)
{
	json_t *storage = json_object_get(j, "storage");
	print_builds(j);
	print_duration(json_object_get(j, "duration"));
	print_caching(json_object_get(j, "caching"));
	print_storage(storage);
	print_sample(json_object_get(j, "sample"));
	convert(json_object_get(storage, "repositories"), megabytes, "bytes");
	print_table(j, "days", "Builds by day (UTC)",
		    "day DAY,SUCCESS SUCCESS,FAILED FAILED,CANCELED CANCELED,medianMs MEDIAN,"
		    "p95Ms 95%");
	print_table(j, "queue", "Wait for a worker",
		    "platform PLATFORM,count JOBS,medianMs MEDIAN,p95Ms 95%");
	print_table(j, "steps", "Steps that took most time",
		    "totalMs TOTAL,meanMs MEAN,longestMs LONGEST,ran RAN,cached CACHED,"
		    "repository REPOSITORY,text STEP");
	print_table(j, "rules", "Rules that failed",
		    "id RULE,repository REPOSITORY,refType TYPE,pattern PATTERN,failed FAILED,"
		    "succeeded SUCCEEDED,flips FLIPS");
	print_table(storage, "repositories", "Repositories that hold most",
		    "repository REPOSITORY,blobs BLOBS,bytes SIZE");
}

static struct err *read_insights(const struct invocation *in, void *state)
{
	return rest_prepare(in, &service_insights, state);
}

static struct err *ask_insights(const struct invocation *in, struct login *l, void *state)
{
	own_json j = NULL;
	TRY(rest_ask_prepared(l, state, &j));
	if (option_get(in, "json"))
		rest_print(in, j, NULL);
	else
		print_insights(j);
	return NULL;
}

int insights_command(const struct invocation *in)
{
	struct rest_request r = { .call = NULL };
	int code = rest_run(in, &r, read_insights, ask_insights);
	rest_request_done(&r);
	return code;
}

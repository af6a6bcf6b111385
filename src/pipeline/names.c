/* The words that states, policies and triggers are called by. */
#include "pipeline/pipeline.h"

static const char *const policies[] = {
	[PIPELINE_ALL] = "all",
	[PIPELINE_REQUIRED] = "required",
	[PIPELINE_BEST_EFFORT] = "best_effort",
};

const char *pipeline_policy_name(enum pipeline_policy p)
{
	return policies[p];
}

bool pipeline_policy_parse(struct str s, enum pipeline_policy *out)
{
	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		if (str_eq(s, str_of(policies[i]))) {
			*out = (enum pipeline_policy)i;
			return true;
		}
	}
	return false;
}

static const char *const statuses[] = {
	[PIPELINE_PENDING] = "PENDING",   [PIPELINE_BUILDING] = "BUILDING",
	[PIPELINE_SUCCESS] = "SUCCESS",   [PIPELINE_FAILED] = "FAILED",
	[PIPELINE_CANCELED] = "CANCELED",
};

const char *pipeline_status_name(enum pipeline_status s)
{
	return statuses[s];
}

bool pipeline_status_parse(struct str s, enum pipeline_status *out)
{
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		if (str_eq(s, str_of(statuses[i]))) {
			*out = (enum pipeline_status)i;
			return true;
		}
	}
	return false;
}

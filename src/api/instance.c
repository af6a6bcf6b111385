/* What this instance is: version, disk, what is stored, and the settings it runs with. */
#include <errno.h>
#include <sys/statvfs.h>

#include "api/api_priv.h"
#include "base/err.h"

static struct err *storage_json(struct api_call *c, json_t **out)
{
	struct statvfs s;
	uint64_t blobs, bytes;
	if (fstatvfs(c->api->o.data_fd, &s) < 0)
		return err_from_errno(errno, "look at the data directory's file system");
	TRY(catalog_stored(c->api->o.catalog, &blobs, &bytes));
	json_int_t total = (json_int_t)s.f_blocks, available = (json_int_t)s.f_bavail,
		   fragment = (json_int_t)s.f_frsize;
	*out = json_pack("{s:s, s:I, s:I, s:I, s:I}", "directory", c->api->o.data_path,
			 "totalBytes", total * fragment, "availableBytes", available * fragment,
			 "blobs", (json_int_t)blobs, "blobBytes", (json_int_t)bytes);
	return *out ? NULL : err_new(ERR_CORRUPT, "the data directory's name is not UTF-8");
}

static json_t *settings_json(const struct api_setting *list)
{
	json_t *j = json_array();
	for (; list && list->name; list++) {
		json_t *one = json_object();
		json_object_set_new(one, "name", json_string(list->name));
		json_object_set_new(one, "value", api_str(list->value));
		json_array_append_new(j, one);
	}
	return j;
}

static struct err *get(struct api_call *c, struct http_reply **out)
{
	json_t *storage;
	TRY(storage_json(c, &storage));
	json_t *j = json_object();
	json_object_set_new(j, "version", json_string(KILN_VERSION));
	json_object_set_new(j, "startedAt", api_time(c->api->started_ns));
	json_object_set_new(j, "storage", storage);
	json_object_set_new(j, "settings", settings_json(c->api->o.settings));
	*out = api_json(200, j);
	return NULL;
}

const struct api_route api_instance_routes[] = {
	{ HTTP_GET, "/api/v1/instance", API_ADMIN, get, NULL },
	{ 0 },
};

#include "app/build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cancel.h"
#include "app/client.h"
#include "app/exit.h"
#include "app/export.h"
#include "app/inputs.h"
#include "app/progress.h"
#include "app/publish.h"
#include "app/store.h"
#include "base/fd.h"
#include "base/limits.h"
#include "codec/json.h"
#include "sandbox/enter.h"

struct build {
	const struct invocation *in;
	struct inputs inputs;
	const char *data_path;
	bool single_id;
	int cancel_fd;
	int metadata_dir_fd; /* -1: no --metadata-file */
	const char *metadata_name;
	struct app_store *store;
	struct registry_client *registry;
	struct progress *progress;
	struct executor_result result;
};

static struct executor_options executor_options(struct build *b)
{
	return (struct executor_options){
		.data_fd = b->store->fd,
		.data_path = b->store->path,
		.db = b->store->db,
		.blobs = b->store->blobs,
		.catalog = b->store->catalog,
		.registry = b->registry,
		.single_id = b->single_id,
		.threads = b->inputs.jobs,
		.cancel_fd = b->cancel_fd,
		.event = progress_event,
		.arg = b->progress,
	};
}

/* --- where it goes -------------------------------------------------------------------------- */

static struct err *write_metadata(struct build *b)
{
	if (b->metadata_dir_fd < 0)
		return NULL;
	const struct executor_result *r = &b->result;
	struct buf out;
	buf_init(&out, LIMIT_MANIFEST_BYTES);
	buf_printf(
		&out,
		"{\n  \"containerimage.digest\": \"%s\",\n  \"containerimage.descriptor\": {\"mediaType\": \"%s\", "
		"\"digest\": \"%s\", \"size\": %llu},\n  \"image.name\": ",
		oci_digest_text(&r->top.digest).s, r->top.media_type,
		oci_digest_text(&r->top.digest).s, (unsigned long long)r->top.size);
	struct buf names;
	buf_init(&names, LIMIT_CONFIG_BYTES);
	for (size_t i = 0; i < b->inputs.n_tags; i++)
		buf_printf(&names, "%s%s", i ? "," : "", oci_reference_text(&b->inputs.tags[i]).s);
	json_add_str(&out, buf_str(&names));
	buf_done(&names);
	buf_add(&out, STR(",\n  \"platforms\": {"));
	for (size_t i = 0; i < r->n_images; i++)
		buf_printf(&out, "%s\n    \"%s\": {\"digest\": \"%s\", \"config\": \"%s\"}",
			   i ? "," : "", oci_platform_text(&r->images[i].platform).s,
			   oci_digest_text(&r->images[i].manifest.digest).s,
			   oci_digest_text(&r->images[i].config.digest).s);
	buf_add(&out, STR("\n  }\n}\n"));
	struct err *e = fd_replace_file(b->metadata_dir_fd, b->metadata_name, 0644, out.p, out.len);
	buf_done(&out);
	return err_wrap(e, "--metadata-file %s", option_get(b->in, "metadata-file"));
}

static struct err *deliver(struct build *b)
{
	const struct inputs *i = &b->inputs;
	for (size_t k = 0; k < i->n_outputs; k++) {
		TRY(output_begin(&i->outputs[k]));
		TRY(export_output(b->store, b->single_id, &b->result, i->tags, i->n_tags,
				  &i->outputs[k]));
		TRY(output_keep(&i->outputs[k]));
	}
	for (size_t k = 0; k < i->n_tags; k++) {
		if (i->push)
			TRY(publish_push(b->store, b->registry, &b->result, &i->tags[k],
					 b->progress));
		else if (!i->n_outputs)
			TRY(publish_local(b->store, &b->result, &i->tags[k]));
	}
	return write_metadata(b);
}

/* --- inside --------------------------------------------------------------------------------- */

static struct err *build_inside(struct build *b, struct arena *a)
{
	TRY(cancel_watch(&b->cancel_fd));
	TRY(app_store_open(b->data_path, &b->store));
	TRY(client_open(b->in, &b->cancel_fd, &b->registry));
	const struct executor_options o = executor_options(b);
	TRY(executor_build(&o, a, &b->inputs.request, &b->result));
	return deliver(b);
}

static struct err *open_metadata(struct build *b, struct arena *a)
{
	const char *path = option_get(b->in, "metadata-file");
	if (!path)
		return NULL;
	struct str whole = str_of(path);
	ptrdiff_t slash = str_rchr(whole, '/');
	const char *dir = slash < 0    ? "."
			  : slash == 0 ? "/"
				       : arena_strdup(a, str_first(whole, (size_t)slash));
	b->metadata_name = path + slash + 1;
	struct stat st;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return err_new(ERR_INVALID, "--metadata-file %s is a directory", path);
	b->metadata_dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return b->metadata_dir_fd < 0
		       ? err_from_errno(errno, "--metadata-file %s: open directory %s", path, dir)
		       : NULL;
}

static struct err *read_words(struct build *b, struct arena *a)
{
	const char *metadata = option_get(b->in, "metadata-file");
	if (metadata && (!metadata[0] || str_ends(str_of(metadata), STR("/"))))
		return err_new(ERR_INVALID, "--metadata-file \"%s\" names no file", metadata);
	TRY(app_store_check(b->in));
	TRY(client_check(b->in));
	return inputs_read(b->in, a, &b->inputs);
}

static struct err *prepare(struct build *b, struct arena *a, char **data_path)
{
	TRY(inputs_open(b->in, a, &b->inputs));
	TRY(open_metadata(b, a));
	TRY(app_store_locate(option_get(b->in, "data"), data_path));
	return sandbox_enter(&b->single_id);
}

int build_command(const struct invocation *in)
{
	own(arena) a = arena_open((size_t)1 << 30);
	own_mem char *data_path = NULL;
	struct build b = { .in = in, .cancel_fd = -1, .metadata_dir_fd = -1 };
	struct err *e = read_words(&b, a);
	if (e)
		return exit_usage(e);
	e = prepare(&b, a, &data_path);
	if (e)
		return exit_with(e);
	b.data_path = data_path;
	const char *mode = option_get(in, "progress");
	b.progress = progress_open(mode ? mode : "auto");
	e = build_inside(&b, a);
	progress_finish(b.progress, e ? NULL : &b.result, e);
	inputs_done(&b.inputs);
	registry_client_free(b.registry);
	app_store_free(b.store);
	progress_free(b.progress);
	fd_close_own(&b.metadata_dir_fd);
	return exit_with(e);
}

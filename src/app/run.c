#include "app/run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/cancel.h"
#include "app/client.h"
#include "app/exit.h"
#include "app/inputs.h"
#include "app/store.h"
#include "base/fd.h"
#include "executor/passwd.h"
#include "layer/layer.h"
#include "sandbox/enter.h"
#include "sandbox/sandbox.h"

struct run {
	const struct invocation *in;
	struct arena *a;
	struct oci_platform platform;
	const char *data_path;
	bool single_id;
	int cancel_fd;
	struct app_store *store;
	struct registry_client *registry;
	struct executor_bases *bases;
	struct layer_store *layers;
	struct sandbox *sandbox;
	struct sandbox_result result;
};

/* Entrypoint and command: words on the command line take the place of the image's CMD. */
static struct err *command_of(struct run *r, const struct oci_config *c, const char ***out)
{
	size_t n_given = r->in->n_args - 1, n = 0;
	const char **args =
		arena_new_array(r->a, c->entrypoint.n + c->cmd.n + n_given + 1, const char *);
	for (size_t i = 0; i < c->entrypoint.n; i++)
		args[n++] = c->entrypoint.v[i];
	for (size_t i = 0; i < n_given; i++)
		args[n++] = r->in->args[i + 1];
	for (size_t i = 0; i < c->cmd.n && !n_given; i++)
		args[n++] = c->cmd.v[i];
	if (!n)
		return err_new(
			ERR_INVALID,
			"the image %s names no program: say which, as in kiln run %s /bin/sh",
			r->in->args[0], r->in->args[0]);
	*out = args;
	return NULL;
}

static const char **environment(struct run *r, const struct oci_config *c, const char *home)
{
	const char **env = arena_new_array(r->a, c->env.n + 4, const char *);
	size_t n = 0;
	for (size_t i = 0; i < c->env.n; i++)
		env[n++] = arena_printf(r->a, "%s=%s", c->env.v[i].key, c->env.v[i].value);
	if (!oci_map_get(&c->env, "PATH"))
		env[n++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	if (!oci_map_get(&c->env, "HOME"))
		env[n++] = arena_printf(r->a, "HOME=%s", home);
	const char *term = getenv("TERM");
	if (term && isatty(STDIN_FILENO) && !oci_map_get(&c->env, "TERM"))
		env[n++] = arena_printf(r->a, "TERM=%s", term);
	return env;
}

static struct err *unpack(struct run *r, const struct graph_base *image, struct layer_name **names)
{
	*names = arena_new_array(r->a, image->n_layers, struct layer_name);
	for (size_t i = 0; i < image->n_layers; i++) {
		const struct oci_digest *diff_id = &image->config->diff_ids[i];
		bool found;
		TRY(layer_store_find(r->layers, diff_id, &found, &(*names)[i]));
		if (found)
			continue;
		TRY(executor_bases_fetch(r->bases, image, i));
		TRY(layer_unpack(r->layers, r->store->blobs, &image->layers[i], diff_id,
				 &(*names)[i]));
	}
	return NULL;
}

static struct err *run_mounted(struct run *r, const struct oci_config *c, const char *rootfs,
			       int view_fd)
{
	struct passwd_user user;
	const char **args;
	TRY(command_of(r, c, &args));
	TRY(passwd_user(view_fd, str_of(c->user), &user));
	own_mem char *cwd = str_clean_path(str_of(c->working_dir));
	const struct sandbox_step step = {
		.rootfs = rootfs,
		.platform = &r->platform,
		.args = args,
		.env = environment(r, c, arena_strdup(r->a, str_of(user.home))),
		.cwd = cwd,
		.uid = user.uid,
		.gid = user.gid,
		.groups = user.groups,
		.n_groups = user.n_groups,
		.terminal = true,
		.cancel_fd = r->cancel_fd,
	};
	if (isatty(STDIN_FILENO))
		cancel_ignore_interrupts();
	struct err *e = sandbox_run(r->sandbox, &step, &r->result);
	passwd_user_done(&user);
	return e;
}

static struct err *run_image(struct run *r, const struct graph_base *image)
{
	struct layer_name *names, upper;
	own_fd view = -1, run_fd = -1;
	own_mem char *target = NULL, *dir = mem_printf("%s/run", r->store->path);
	TRY(unpack(r, image, &names));
	TRY(layer_view(r->layers, names, image->n_layers, &view));
	TRY(layer_store_new(r->layers, &upper, NULL));
	TRY(fd_make_dirs(r->store->fd, "run", 0700, &run_fd));
	TRY(sandbox_open(dir, &r->sandbox));
	TRY(sandbox_can_run(r->sandbox, &r->platform));
	TRY(sandbox_mount_point(r->sandbox, &target));
	TRY(layer_mount(r->layers, names, image->n_layers, &upper, target));
	struct err *e = run_mounted(r, image->config, target, view);
	err_keep(&e, layer_unmount(target));
	return e;
}

static struct err *run_inside(struct run *r)
{
	TRY(cancel_watch(&r->cancel_fd));
	TRY(app_store_open(r->data_path, &r->store));
	TRY(client_open(r->in, &r->cancel_fd, &r->registry));
	const struct executor_options o = {
		.blobs = r->store->blobs,
		.catalog = r->store->catalog,
		.db = r->store->db,
		.registry = r->registry,
		.cancel_fd = r->cancel_fd,
	};
	const struct graph_base *image;
	r->bases = executor_bases_open(&o, r->a, true);
	TRY(executor_bases_resolve(r->bases, str_of(r->in->args[0]), &r->platform, &image));
	TRY(layer_store_open(r->store->fd, r->single_id, &r->layers));
	return run_image(r, image);
}

static struct err *read_words(struct run *r)
{
	struct oci_reference ref;
	const char *platform = option_get(r->in, "platform");
	r->platform = oci_platform_host();
	if (platform)
		TRY(err_wrap(oci_platform_parse_target(str_of(platform), &r->platform),
			     "--platform %s", platform));
	TRY(app_store_check(r->in));
	TRY(client_check(r->in));
	return oci_reference_parse(str_of(r->in->args[0]), &ref);
}

static struct err *prepare(struct run *r, char **data_path)
{
	TRY(app_store_locate(option_get(r->in, "data"), data_path));
	return sandbox_enter(&r->single_id);
}

int run_command(const struct invocation *in)
{
	own(arena) a = arena_open((size_t)1 << 30);
	own_mem char *data_path = NULL;
	struct run r = { .in = in, .a = a, .cancel_fd = -1 };
	struct err *e = read_words(&r);
	if (e)
		return exit_usage(e);
	e = prepare(&r, &data_path);
	if (e)
		return exit_with(e);
	r.data_path = data_path;
	e = run_inside(&r);
	sandbox_free(r.sandbox);
	layer_store_free(r.layers);
	executor_bases_free(r.bases);
	registry_client_free(r.registry);
	app_store_free(r.store);
	return e ? exit_with(e) : r.result.exit_code;
}

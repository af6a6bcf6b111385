#include "app/serve_command.h"

#include <stdlib.h>

#include <fcntl.h>

#include "app/exit.h"
#include "app/serve.h"
#include "app/store.h"
#include "base/fd.h"
#include "http/server.h"

static const char *listen_address(const struct invocation *in)
{
	const char *given = option_get(in, "listen");
	return given ? given : "127.0.0.1:8080";
}

static struct err *read_words(const struct invocation *in)
{
	TRY(app_store_check(in));
	return err_wrap(http_server_check_listen(listen_address(in)), "--listen");
}

static struct err *serve(const struct invocation *in)
{
	own_mem char *path = NULL;
	TRY(app_store_locate(option_get(in, "data"), &path));
	own_fd fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_new(ERR_UNAVAILABLE, "data directory %s cannot be opened", path);
	return serve_run(&(struct serve_options){
		.data_fd = fd, .data_path = path, .listen = listen_address(in) });
}

int serve_command(const struct invocation *in)
{
	struct err *e = read_words(in);
	return e ? exit_usage(e) : exit_with(serve(in));
}

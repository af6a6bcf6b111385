/* Git's smart HTTP protocol, by git itself. SPEC gitprotocol-http(5) */
#include "source/git_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "codec/io.h"

#define MOST_REQUEST_BYTES ((uint64_t)8 << 30)

static const char *const names[] = {
	[SOURCE_UPLOAD_PACK] = "upload-pack", [SOURCE_RECEIVE_PACK] = "receive-pack"
};

/* "version=2"; anything that is not so short and plain is left out. */
static char *protocol_variable(struct str protocol)
{
	for (size_t i = 0; i < protocol.len; i++)
		if (!(protocol.p[i] >= 'a' && protocol.p[i] <= 'z') &&
		    !(protocol.p[i] >= '0' && protocol.p[i] <= '9') &&
		    !strchr("=:.-", protocol.p[i]))
			return NULL;
	return protocol.len && protocol.len <= 64
		       ? mem_printf("GIT_PROTOCOL=" STR_FMT, STR_ARG(protocol))
		       : NULL;
}

struct err *source_git_advertise(struct source_git *g, const char *id, enum source_service s,
				 struct str protocol, int out_fd)
{
	own_mem char *path = NULL, *variable = protocol_variable(protocol);
	TRY(git_repository_path(g, id, &path));
	bool v2 = s == SOURCE_UPLOAD_PACK && variable && strstr(variable, "version=2");
	if (!v2) {
		own_mem char *line = mem_printf("# service=git-%s\n", names[s]);
		own_mem char *packet = mem_printf("%04zx%s0000", strlen(line) + 4, line);
		TRY(fd_write_all(out_fd, packet, strlen(packet)));
	}
	struct git_call c = { .repository = path,
			      .args = { names[s], "--stateless-rpc", "--advertise-refs", path },
			      .env = { variable },
			      .in_fd = -1,
			      .out_fd = out_fd };
	return git_run(g, &c);
}

/* A request that came compressed, as a file of its own. */
static struct err *inflate(struct source_git *g, int in_fd, int *out_fd)
{
	TRY(git_tmpfile(g, out_fd));
	own(reader) raw = reader_fd(in_fd);
	struct reader *plain;
	TRY(reader_decompress(raw, MOST_REQUEST_BYTES, &plain));
	own(reader) r = plain;
	own_mem char *chunk = mem_grow(NULL, 64 << 10, 1);
	for (size_t got;;) {
		TRY(r->read(r, chunk, 64 << 10, &got));
		if (!got)
			break;
		TRY(fd_write_all(*out_fd, chunk, got));
	}
	lseek(*out_fd, 0, SEEK_SET);
	return NULL;
}

struct err *source_git_serve(struct source_git *g, const char *id, enum source_service s,
			     struct str protocol, int in_fd, bool gzip, int out_fd)
{
	own_mem char *path = NULL, *variable = protocol_variable(protocol);
	TRY(git_repository_path(g, id, &path));
	own_fd plain = -1;
	if (gzip)
		TRY(inflate(g, in_fd, &plain));
	struct git_call c = { .repository = path,
			      .args = { names[s], "--stateless-rpc", path },
			      .env = { variable },
			      .in_fd = gzip ? plain : in_fd,
			      .out_fd = out_fd,
			      .timeout_s = 3600 };
	/* Pushes come one after the other: each is looked at with the refs that it left. */
	return git_run(g, &c);
}

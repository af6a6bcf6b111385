/* Deploy keys, by OpenSSH. */
#include "source/git.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"

#define KEY_BYTES ((size_t)16 << 10)

static struct err *make_in(const char *dir, const char *comment, char **private_key,
			   char **public_key)
{
	own_mem char *key = mem_printf("%s/key", dir);
	const char *argv[] = { "ssh-keygen", "-q",    "-t", "ed25519", "-N", "",
			       "-C",         comment, "-f", key,       NULL };
	TRY(spawn_run(argv, 4096, NULL));
	own_fd fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_mem char *secret = NULL;
	size_t len;
	TRY(fd_read_path(fd, "key", KEY_BYTES, &secret, &len));
	TRY(fd_read_path(fd, "key.pub", KEY_BYTES, public_key, &len));
	while (len && (*public_key)[len - 1] == '\n')
		(*public_key)[--len] = '\0';
	*private_key = move(secret);
	return NULL;
}

struct err *source_ssh_key_make(const char *comment, char **private_key, char **public_key)
{
	for (const char *p = comment; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return err_new(ERR_INVALID, "a key's comment has no blanks");
	if (comment[0] == '-')
		return err_new(ERR_INVALID, "a key's comment begins with no dash");
	char dir[] = "/tmp/kiln-key-XXXXXX";
	if (!mkdtemp(dir))
		return err_new(ERR_UNAVAILABLE, "no temporary directory can be made below /tmp");
	struct err *e = make_in(dir, comment, private_key, public_key);
	own_fd tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	err_keep(&e, fd_remove_tree(tmp, dir + 5));
	return err_wrap(e, "make a deploy key (is openssh-client installed?)");
}

#include "app/secret.h"

#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"

#define SECRET_BYTES ((size_t)64 << 10)
#define CTRL_C       3

static struct err *check(char *text, size_t len, const char *where, char **out)
{
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	struct str s = str_n(text, len);
	if (!len)
		return err_new(ERR_INVALID, "%s is empty", where);
	if (!str_is_utf8(s) || str_has_nul(s))
		return err_new(ERR_INVALID, "what %s holds is not UTF-8 text", where);
	*out = str_dup(s);
	return NULL;
}

struct err *secret_stdin(char **out)
{
	own_mem char *text = NULL;
	size_t len;
	TRY(err_wrap(fd_read_file(STDIN_FILENO, SECRET_BYTES, &text, &len), "read standard input"));
	return check(text, len, "standard input", out);
}

struct err *secret_file(const char *path, char **out)
{
	own_mem char *text = NULL;
	size_t len;
	if (strcmp(path, "-") == 0)
		return secret_stdin(out);
	TRY(err_wrap(fd_read_path(AT_FDCWD, path, SECRET_BYTES, &text, &len), "%s", path));
	return check(text, len, path, out);
}

/* ^C ends the line and is read, for a signal would leave the terminal without echo. */
static void hide(int tty, const struct termios *before)
{
	struct termios quiet = *before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	quiet.c_cc[VEOL] = CTRL_C;
	tcsetattr(tty, TCSADRAIN, &quiet);
}

static struct err *ask(const char *prompt, bool secret, const char *otherwise, char **out)
{
	own_fd tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	if (tty < 0)
		return err_new(ERR_INVALID, "there is no terminal to ask at: use %s", otherwise);
	struct termios before;
	bool hidden = secret && tcgetattr(tty, &before) == 0;
	if (hidden)
		hide(tty, &before);
	char line[1100];
	struct err *e = fd_write_all(tty, prompt, strlen(prompt));
	ssize_t n = e ? 0 : read(tty, line, sizeof(line));
	if (hidden)
		tcsetattr(tty, TCSADRAIN, &before);
	if (hidden && !e)
		e = fd_write_all(tty, "\n", 1);
	if (e)
		return e;
	if (n <= 0 || line[n - 1] == CTRL_C)
		return err_new(ERR_CANCELED, "nothing was typed");
	if (secret)
		return check(line, (size_t)n, "the line", out);
	struct str text = str_trim(str_n(line, (size_t)n));
	return check(line + (text.p - line), text.len, "the line", out);
}

struct err *secret_ask(const char *prompt, const char *otherwise, char **out)
{
	return ask(prompt, true, otherwise, out);
}

struct err *secret_ask_name(const char *prompt, const char *otherwise, char **out)
{
	return ask(prompt, false, otherwise, out);
}

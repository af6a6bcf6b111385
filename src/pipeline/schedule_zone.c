/* Time zones of the system: files below /usr/share/zoneinfo.
 *
 * A file is read each time: it has some three thousand bytes, and so what a new version of the
 * database says counts at once, without a lock around what would be kept. */
#include "pipeline/schedule.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/limits.h"

static const char database[] = "/usr/share/zoneinfo";

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_letter(char c)
{
	return is_upper(c) || (c >= 'a' && c <= 'z');
}

/* Each part begins with a capital: files of other kinds, and those with leap seconds, do not. */
static bool name_ok(struct str name)
{
	if (!name.len || name.len > LIMIT_ZONE_NAME_BYTES || !is_upper(name.p[0]))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];
		bool other = (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+';
		bool begins = i && name.p[i - 1] == '/';
		if (begins ? !is_upper(c) : !is_letter(c) && !other && c != '/')
			return false;
	}
	return name.p[name.len - 1] != '/';
}

static struct err *unknown(struct str name)
{
	return err_coded(ERR_INVALID, "SCHEDULE_ZONE",
			 "Use UTC, or a name as Europe/Berlin; capitals count.",
			 "there is no time zone \"" STR_FMT "\"", STR_ARG(str_first(name, 100)));
}

static struct err *damaged(struct str name, const struct err *e)
{
	own_mem char *text = err_text(e);
	return err_coded(ERR_INVALID, "SCHEDULE_ZONE",
			 "Install the package tzdata on the server again, or use UTC.",
			 "time zone " STR_FMT ": %s", STR_ARG(name), text);
}

static struct err *open_file(struct str name, int *out)
{
	own_mem char *path = str_dup(name);
	own_fd dir = open(database, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_coded(ERR_INVALID, "SCHEDULE_ZONE",
				 "Install the package tzdata on the server, or use UTC.",
				 "the server has no database of time zones in %s", database);
	*out = fd_open_beneath(dir, path, O_RDONLY | O_NONBLOCK, 0);
	return *out < 0 ? unknown(name) : NULL;
}

struct err *pipeline_zone_open(struct str name, struct zone **out)
{
	own_fd fd = -1;
	own_mem char *bytes = NULL;
	size_t len;
	struct stat st;
	if (str_eq(name, STR("UTC"))) {
		*out = zone_utc();
		return NULL;
	}
	if (!name_ok(name))
		return unknown(name);
	TRY(open_file(name, &fd));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return unknown(name);
	TRY(fd_read_file(fd, LIMIT_ZONE_BYTES, &bytes, &len));
	own(err) e = zone_parse(str_n(bytes, len), out);
	return e ? damaged(name, e) : NULL;
}

#include "sandbox/ids_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/spawn.h"

#define MAX_ID_FILE ((size_t)4 << 20)

void sandbox_ids_read(const char *text, const char *name, uint32_t id, struct id_ranges *out)
{
	struct str rest = str_of(text);
	uint64_t total = 1; /* 0 is the user itself */
	*out = (struct id_ranges){ .n = 0 };
	while (rest.p && out->n < ARRAY_LEN(out->of)) {
		struct str line = str_trim(str_cut(&rest, '\n'));
		struct str owner = str_cut(&line, ':');
		struct str first = str_cut(&line, ':');
		uint64_t number, start, count;
		bool ours = (name && str_eq(owner, str_of(name))) ||
			    (str_to_u64(owner, UINT32_MAX, &number) && number == id);
		if (!ours || !str_to_u64(first, UINT32_MAX - 1, &start) ||
		    !str_to_u64(line, UINT32_MAX - 1, &count) || !count ||
		    start + count > UINT32_MAX || total + count > UINT32_MAX)
			continue;
		total += count;
		out->of[out->n++] = (struct id_range){ (uint32_t)start, (uint32_t)count };
	}
}

static void read_ranges(const char *path, const char *name, uint32_t id, struct id_ranges *out)
{
	own_mem char *text = NULL;
	size_t len;
	*out = (struct id_ranges){ .n = 0 };
	/* An absent file holds no ranges, and one that cannot be read is of no use either. */
	struct err *e = fd_read_path(AT_FDCWD, path, MAX_ID_FILE, &text, &len);
	if (!e)
		sandbox_ids_read(text, name, id, out);
	err_free(e);
}

static struct err *need_program(const char *name)
{
	own_mem char *path = spawn_find(name);
	if (path)
		return NULL;
	return err_new(ERR_NOT_FOUND,
		       "%s is not installed, which an ordinary user needs for the ids of "
		       "/etc/subuid and /etc/subgid: apt-get install uidmap",
		       name);
}

struct err *sandbox_ids_plan(struct id_plan *out)
{
	*out = (struct id_plan){ .kind = IDS_ALL };
	uint32_t uid = geteuid();
	if (uid == 0)
		return NULL;
	struct passwd *pw = getpwuid(uid); /* single-threaded here */
	own_mem char *name = pw ? mem_strdup(pw->pw_name) : NULL;
	read_ranges("/etc/subuid", name, uid, &out->uids);
	read_ranges("/etc/subgid", name, uid, &out->gids);
	out->kind = IDS_SINGLE;
	if (out->uids.n && out->gids.n) {
		out->kind = IDS_SUBORDINATE;
		TRY(need_program("newuidmap"));
		return need_program("newgidmap");
	}
	own_mem char *who = name ? mem_strdup(name) : mem_printf("%u", uid);
	own_mem char *remedy = mem_printf(
		"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", who);
	log_warn("no subordinate ids: images with files of several owners cannot be built",
		 log_str("user", who), log_str("remedy", remedy));
	return NULL;
}

static struct err *write_proc(pid_t pid, const char *name, const char *text)
{
	own_mem char *path = mem_printf("/proc/%d/%s", (int)pid, name);
	own_fd fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_from_errno(errno, "open %s", path);
	return err_wrap(fd_write_all(fd, text, strlen(text)), "write \"%s\" to %s", text, path);
}

/* The identity over our own map: in a nested namespace not every id exists. Never as one range of
 * all ids: crun takes "0 0 4294967295" for the initial namespace and tries what only that allows.
 */
static struct err *write_all_ids(pid_t pid, const char *name)
{
	own_mem char *path = mem_printf("/proc/self/%s", name);
	own_mem char *ours = NULL, *text = NULL;
	size_t len;
	TRY(fd_read_path(AT_FDCWD, path, 64 << 10, &ours, &len));
	struct buf b;
	buf_init(&b, 64 << 10);
	struct str rest = str_of(ours);
	while (rest.p) {
		own_mem char *line = str_dup(str_cut(&rest, '\n'));
		unsigned inside, outside, count;
		if (sscanf(line, "%u %u %u", &inside, &outside, &count) != 3)
			continue;
		if (count > 1)
			buf_printf(&b, "%u %u 1\n", inside, inside);
		unsigned rest_at = inside + (count > 1), rest_count = count - (count > 1);
		buf_printf(&b, "%u %u %u\n", rest_at, rest_at, rest_count);
	}
	TRY(buf_finish(&b, &text, NULL));
	return write_proc(pid, name, text);
}

static struct err *map_ranges(pid_t pid, const char *program, uint32_t own_id,
			      const struct id_ranges *ranges)
{
	char text[5 + 3 * ARRAY_LEN(ranges->of)][12];
	const char *argv[ARRAY_LEN(text) + 1] = { program };
	size_t n = 1;
	uint32_t inside = 1;
	int number[] = { (int)pid, 0, (int)own_id, 1 };
	for (size_t i = 0; i < ARRAY_LEN(number); i++, n++)
		snprintf(text[n], sizeof(text[n]), "%u", (unsigned)number[i]);
	for (size_t i = 0; i < ranges->n; i++) {
		uint32_t triple[] = { inside, ranges->of[i].start, ranges->of[i].count };
		for (size_t k = 0; k < 3; k++, n++)
			snprintf(text[n], sizeof(text[n]), "%u", triple[k]);
		inside += ranges->of[i].count;
	}
	for (size_t i = 1; i < n; i++)
		argv[i] = text[i];
	return err_wrap(spawn_run(argv, 4096, NULL),
			"map the ids of /etc/subuid and /etc/subgid (is %s set-uid root?)",
			program);
}

struct err *sandbox_ids_apply(const struct id_plan *p, pid_t pid)
{
	char single[32];
	switch (p->kind) {
	case IDS_ALL:
		TRY(write_all_ids(pid, "uid_map"));
		return write_all_ids(pid, "gid_map");
	case IDS_SUBORDINATE:
		TRY(map_ranges(pid, "newuidmap", geteuid(), &p->uids));
		return map_ranges(pid, "newgidmap", getegid(), &p->gids);
	case IDS_SINGLE:
		/* The kernel lets a user map its group only when setgroups(2) is off. */
		TRY(write_proc(pid, "setgroups", "deny"));
		snprintf(single, sizeof(single), "0 %u 1", (unsigned)geteuid());
		TRY(write_proc(pid, "uid_map", single));
		snprintf(single, sizeof(single), "0 %u 1", (unsigned)getegid());
		return write_proc(pid, "gid_map", single);
	}
	abort();
}

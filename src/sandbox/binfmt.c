#include "sandbox/sandbox_priv.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/spawn.h"

#define HOST_BINFMT   "/proc/sys/fs/binfmt_misc"
#define MAX_HANDLER   ((size_t)16 << 10)
#define MAX_HEADERS   64
#define ELF_KEY_BYTES 20 /* e_ident, e_type, e_machine */

static const struct arch {
	const char *oci, *qemu;
	unsigned char elf_class;
	uint16_t machine;
} arches[FOREIGN_ARCHES] = {
	{ "arm64", "aarch64", ELFCLASS64, EM_AARCH64 },
	{ "arm", "arm", ELFCLASS32, EM_ARM },
	{ "amd64", "x86_64", ELFCLASS64, EM_X86_64 },
};

void sandbox_binfmt_init(struct binfmt *b, char *dir)
{
	*b = (struct binfmt){ .dir = dir };
	mutex_init(&b->lock);
	cond_init(&b->idle);
}

void sandbox_binfmt_done(struct binfmt *b)
{
	free(b->dir);
	cond_done(&b->idle);
	mutex_done(&b->lock);
}

static int arch_index(const char *oci)
{
	for (int i = 0; i < FOREIGN_ARCHES; i++)
		if (strcmp(arches[i].oci, oci) == 0)
			return i;
	return -1;
}

/* All are little-endian, and run programs (2) as well as position-independent ones (3). */
static void elf_key(const struct arch *a, unsigned char *magic, unsigned char *mask)
{
	const unsigned char head[] = { 0x7f, 'E', 'L', 'F', a->elf_class, ELFDATA2LSB, EV_CURRENT };
	memset(magic, 0, ELF_KEY_BYTES);
	memset(mask, 0, ELF_KEY_BYTES);
	memcpy(magic, head, sizeof(head));
	memset(mask, 0xff, sizeof(head));
	magic[16] = ET_EXEC;
	mask[16] = 0xfe;
	mask[17] = mask[18] = mask[19] = 0xff;
	magic[18] = (unsigned char)a->machine;
	magic[19] = (unsigned char)(a->machine >> 8);
}

/* ---- the host's ---- */

static bool hex_is(struct str hex, const unsigned char *want, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		char text[3];
		snprintf(text, sizeof(text), "%02x", want[i]);
		if (hex.len < 2 * i + 2 || !str_eq_nocase(str_n(hex.p + 2 * i, 2), str_n(text, 2)))
			return false;
	}
	return true;
}

bool sandbox_binfmt_handles(const char *text, const char *arch)
{
	int i = arch_index(arch);
	if (i < 0)
		return false;
	unsigned char magic[ELF_KEY_BYTES], mask[ELF_KEY_BYTES];
	elf_key(&arches[i], magic, mask);
	struct str rest = str_of(text);
	bool enabled = str_eq(str_cut(&rest, '\n'), STR("enabled"));
	bool open = false, matches = false, at_start = true;
	while (rest.p) {
		struct str line = str_cut(&rest, '\n');
		struct str key = str_cut(&line, ' ');
		if (str_eq(key, STR("flags:")))
			open = str_chr(line, 'F') >= 0;
		else if (str_eq(key, STR("offset")))
			at_start = str_eq(line, STR("0"));
		else if (str_eq(key, STR("magic")))
			matches = hex_is(line, magic, 0, 6) && hex_is(line, magic, 18, 20);
	}
	return enabled && open && matches && at_start;
}

static bool host_handles(const struct arch *a)
{
	DIR *dir = opendir(HOST_BINFMT);
	if (!dir)
		return false;
	bool found = false;
	struct dirent *d;
	while (!found && (d = readdir(dir))) {
		own_mem char *text = NULL;
		size_t len;
		if (d->d_name[0] == '.' || strcmp(d->d_name, "register") == 0)
			continue;
		struct err *e = fd_read_path(dirfd(dir), d->d_name, MAX_HANDLER, &text, &len);
		found = !e && sandbox_binfmt_handles(text, a->oci);
		err_free(e);
	}
	closedir(dir);
	return found;
}

/* ---- the private one ---- */

/* A program that needs a loader would look for it in the container. */
static bool is_static(const char *path)
{
	own_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr h;
	if (fd < 0 || pread(fd, &h, sizeof(h), 0) != sizeof(h) ||
	    memcmp(h.e_ident, ELFMAG, SELFMAG) != 0)
		return false;
	if (h.e_ident[EI_CLASS] != ELFCLASS64)
		return true;
	for (unsigned i = 0; i < h.e_phnum && i < MAX_HEADERS; i++) {
		Elf64_Phdr p;
		off_t at = (off_t)(h.e_phoff + i * sizeof(p));
		if (pread(fd, &p, sizeof(p), at) != sizeof(p) || p.p_type == PT_INTERP)
			return false;
	}
	return true;
}

static char *find_qemu(const struct arch *a)
{
	static const char *const endings[] = { "-static", "" };
	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		own_mem char *name = mem_printf("qemu-%s%s", a->qemu, endings[i]);
		own_mem char *path = spawn_find(name);
		if (path && is_static(path))
			return move(path);
	}
	return NULL;
}

static void add_escaped(struct buf *b, const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(b, "\\x%02x", p[i]);
	buf_add_c(b, ':');
}

/* F opens the emulator now, so that containers need not have it; P lets programs see the name they
 * were called by; C lets set-uid programs (sudo) work as they do natively. */
static struct err *enroll(const struct binfmt *b, const struct arch *a, const char *qemu)
{
	unsigned char magic[ELF_KEY_BYTES], mask[ELF_KEY_BYTES];
	own_mem char *path = mem_printf("%s/register", b->dir), *text = NULL;
	size_t len;
	elf_key(a, magic, mask);
	struct buf t;
	buf_init(&t, 1920); /* the kernel's limit */
	buf_printf(&t, ":qemu-%s:M::", a->qemu);
	add_escaped(&t, magic, sizeof(magic));
	add_escaped(&t, mask, sizeof(mask));
	buf_printf(&t, "%s:FPC", qemu);
	TRY(buf_finish(&t, &text, &len));
	own_fd fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_from_errno(errno, "open %s", path);
	if (write(fd, text, len) != (ssize_t)len)
		return err_from_errno(errno, "register %s", qemu);
	return NULL;
}

/* ---- the choice ---- */

static struct err *no_emulator(const struct oci_platform *p, bool have_qemu)
{
	if (have_qemu)
		return err_new(ERR_NOT_FOUND,
			       "programs of %s need an emulator that the host has registered, "
			       "because this kernel has no private binfmt_misc (Linux 6.7 has): "
			       "apt-get install binfmt-support qemu-user-static",
			       oci_platform_text(p).s);
	return err_new(ERR_NOT_FOUND,
		       "programs of %s need an emulator: apt-get install qemu-user-static",
		       oci_platform_text(p).s);
}

/* Called by one thread at a time, `*mode` is its own. */
static struct err *make_ready(const struct binfmt *b, int *mode, const struct oci_platform *p)
{
	const struct arch *a = &arches[arch_index(p->arch)];
	own_mem char *qemu = find_qemu(a);
	if (*mode == BINFMT_UNDECIDED && qemu &&
	    mount("binfmt_misc", b->dir, "binfmt_misc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) ==
		    0)
		*mode = BINFMT_PRIVATE;
	if (*mode == BINFMT_PRIVATE)
		return qemu ? enroll(b, a, qemu) : no_emulator(p, false);
	if (!host_handles(a))
		return no_emulator(p, qemu != NULL);
	*mode = BINFMT_HOST;
	return NULL;
}

struct err *sandbox_binfmt_need(struct binfmt *b, const struct oci_platform *p)
{
	int i = arch_index(p->arch);
	if (i < 0)
		return err_new(ERR_NOT_FOUND, "no emulator is known for programs of %s",
			       oci_platform_text(p).s);
	mutex_lock(&b->lock);
	while (b->busy)
		cond_wait(&b->idle, &b->lock);
	if (b->ready[i]) {
		mutex_unlock(&b->lock);
		return NULL;
	}
	int mode = b->mode;
	b->busy = true;
	mutex_unlock(&b->lock);

	struct err *e = make_ready(b, &mode, p);

	hold(&b->lock);
	b->mode = mode;
	b->ready[i] = !e;
	b->busy = false;
	cond_broadcast(&b->idle);
	return e;
}

#include "executor/programs.h"

#include <stdlib.h>

#include "base/limits.h"
#include "codec/json.h"

/* --- looking -------------------------------------------------------------------------------- */

static bool is_shared_object(struct str name)
{
	while (name.len && (name.p[name.len - 1] == '.' ||
			    (name.p[name.len - 1] >= '0' && name.p[name.len - 1] <= '9')))
		name.len--;
	return str_ends(name, STR(".so"));
}

static void note(struct programs *p, const struct elf_kind *kind, struct str path)
{
	for (size_t i = 0; i < p->n; i++)
		if (elf_kind_eq(&p->found[i].kind, kind)) {
			p->found[i].count++;
			return;
		}
	if (p->n == PROGRAMS_MOST_KINDS)
		return;
	if (!p->found)
		p->found = mem_new_array(PROGRAMS_MOST_KINDS, struct program);
	p->found[p->n++] = (struct program){ .kind = *kind,
					     .path = str_dup(str_first(path, LIMIT_PATH_BYTES)),
					     .count = 1 };
}

static struct err *look_and_pass(struct layer_sink *sink, const struct tar_entry *e, bool opaque,
				 int fd)
{
	struct programs *p = container_of(sink, struct programs, sink);
	struct str path = str_of(e->path);
	if (e->type == TAR_FILE && fd >= 0 && (e->mode & 0111 || is_shared_object(path))) {
		struct elf_kind kind;
		bool found;
		TRY(err_wrap(elf_read_fd(fd, &found, &kind), "%s", e->path));
		if (found)
			note(p, &kind, path);
	}
	return p->next->add(p->next, e, opaque, fd);
}

void programs_init(struct programs *p, struct layer_sink *next)
{
	*p = (struct programs){ .sink.add = look_and_pass, .next = next };
}

void programs_done(struct programs *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->found[i].path);
	free(p->found);
	*p = (struct programs){ .n = 0 };
}

/* --- as text -------------------------------------------------------------------------------- */

char *programs_text(const struct programs *p)
{
	struct buf b;
	if (!p->n)
		return NULL;
	/* An escaped byte takes six. */
	buf_init(&b, PROGRAMS_MOST_KINDS * (6 * LIMIT_PATH_BYTES + 200));
	for (size_t i = 0; i < p->n; i++) {
		const struct program *f = &p->found[i];
		buf_printf(&b, "%s{\"machine\":%u,\"is_64\":%s,\"big_endian\":%s,", i ? "," : "[",
			   f->kind.machine, f->kind.is_64 ? "true" : "false",
			   f->kind.big_endian ? "true" : "false");
		if (f->kind.arm_arch != ELF_ARM_ARCH_UNKNOWN)
			buf_printf(&b, "\"arm_arch\":%d,", f->kind.arm_arch);
		buf_printf(&b, "\"count\":%llu,\"path\":", (unsigned long long)f->count);
		json_add_str(&b, str_of(f->path));
		buf_add_c(&b, '}');
	}
	buf_add_c(&b, ']');
	return buf_steal(&b);
}

struct noted {
	struct elf_kind kind;
	struct str path; /* borrowed from the document */
	uint64_t count;
};

static struct err *read_noted(json_t *obj, struct noted *out)
{
	uint64_t machine = 0, arm_arch = UINT64_MAX;
	*out = (struct noted){ .count = 1 };
	TRY(json_get_u64(obj, "machine", UINT16_MAX, &machine));
	TRY(json_get_bool(obj, "is_64", &out->kind.is_64));
	TRY(json_get_bool(obj, "big_endian", &out->kind.big_endian));
	TRY(json_get_u64(obj, "arm_arch", INT32_MAX, &arm_arch));
	TRY(json_get_u64(obj, "count", INT64_MAX, &out->count));
	TRY(json_get_str(obj, "path", &out->path));
	out->kind.machine = (uint16_t)machine;
	out->kind.arm_arch = arm_arch == UINT64_MAX ? ELF_ARM_ARCH_UNKNOWN : (int)arm_arch;
	return NULL;
}

/* --- judging -------------------------------------------------------------------------------- */

static void warn(const struct programs_judge *j, const struct noted *f, const char *file,
		 uint32_t line)
{
	struct buf b;
	struct str path = str_first(f->path, LIMIT_PATH_BYTES);
	buf_init(&b, 3 * LIMIT_PATH_BYTES);
	buf_printf(&b, "%s: /", oci_platform_text(&j->platform).s);
	for (size_t i = 0; i < path.len; i++) {
		unsigned char c = (unsigned char)path.p[i];
		/* A name must not act on the terminal. */
		buf_add_c(&b, c < 0x20 || c == 0x7f ? '?' : (char)c);
	}
	if (f->count > 1)
		buf_printf(&b, " and %llu more are", (unsigned long long)f->count - 1);
	else
		buf_add(&b, STR(" is"));
	buf_printf(&b, " built for %s (%s:%u)", elf_kind_text(&f->kind).s, file, line);
	own_mem char *text = buf_steal(&b);
	j->warn(j->arg, text);
}

static struct err *judge(struct programs_judge *j, const char *text, const char *file,
			 uint32_t line)
{
	own_json all = NULL;
	TRY(json_read(str_of(text), &all));
	for (size_t i = 0; i < json_array_size(all); i++) {
		struct noted f;
		TRY(read_noted(json_array_get(all, i), &f));
		if (elf_runs_on(&f.kind, &j->platform))
			continue;
		if (j->said == PROGRAMS_MOST_WARNINGS) {
			j->unsaid += f.count;
			continue;
		}
		j->said++;
		warn(j, &f, file, line);
	}
	return NULL;
}

void programs_judge(struct programs_judge *j, const char *text, const char *file, uint32_t line)
{
	if (text)
		err_free(judge(j, text, file, line));
}

void programs_judge_end(struct programs_judge *j)
{
	if (!j->unsaid)
		return;
	own_mem char *text =
		mem_printf("%s: and %llu more built for other platforms",
			   oci_platform_text(&j->platform).s, (unsigned long long)j->unsaid);
	j->warn(j->arg, text);
}

#include "sandbox/sandbox_priv.h"

#include <stdlib.h>

#include "codec/json.h"

#define MAX_SPEC_BYTES ((size_t)32 << 20) /* arguments and environment of execve(2), escaped */

#define NO_DEVICES     ",\"nosuid\",\"noexec\",\"nodev\""

/* What container engines leave to root in a container. */
static const char capabilities[] =
	"[\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FSETID\",\"CAP_FOWNER\",\"CAP_MKNOD\","
	"\"CAP_NET_RAW\",\"CAP_SETGID\",\"CAP_SETUID\",\"CAP_SETFCAP\",\"CAP_SETPCAP\","
	"\"CAP_NET_BIND_SERVICE\",\"CAP_SYS_CHROOT\",\"CAP_KILL\",\"CAP_AUDIT_WRITE\"]";

/* devpts without "gid=5": a namespace with one id has no such group. */
static const char usual_mounts[] =
	"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
	"\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
	"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\","
	"\"options\":[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\"]},"
	"{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\","
	"\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]}";

/* A step has the PID namespace that crun was started in, see run.c; what a user runs may want to be
 * process 1 (an init system), but qemu cannot be: it hangs when the program dies of a signal. */
static void add_namespaces(struct buf *b, const struct sandbox_step *step)
{
	buf_add(b, STR("\"namespaces\":[{\"type\":\"ipc\"},{\"type\":\"uts\"},"
		       "{\"type\":\"mount\"}"));
	if (step->terminal && oci_platform_is_native(step->platform))
		buf_add(b, STR(",{\"type\":\"pid\"}"));
	buf_add_c(b, ']');
}

/* The ids of the host's root are those of ours when root builds, and many files of /proc and /sys
 * ask for nothing else: hence what is read-only here. */
static const char hidden_paths[] =
	"\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/interrupts\",\"/proc/kcore\","
	"\"/proc/keys\",\"/proc/latency_stats\",\"/proc/sched_debug\",\"/proc/scsi\","
	"\"/proc/timer_list\",\"/proc/timer_stats\",\"/sys/devices/virtual/powercap\","
	"\"/sys/firmware\"],"
	"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","
	"\"/proc/sysrq-trigger\"]";

static void add_strs(struct buf *b, const char *const *list, const char *last)
{
	const char *comma = "";
	buf_add_c(b, '[');
	for (; *list; list++) {
		buf_add(b, str_of(comma));
		json_add_str(b, str_of(*list));
		comma = ",";
	}
	if (last) {
		buf_add(b, str_of(comma));
		json_add_str(b, str_of(last));
	}
	buf_add_c(b, ']');
}

/* qemu's default ARM processor runs everything; a step must meet the user's device instead. */
static const char *cpu_of(const struct oci_platform *p)
{
	if (strcmp(p->arch, "arm") != 0 || oci_platform_is_native(p))
		return NULL;
	if (strcmp(p->variant, "v5") == 0)
		return "QEMU_CPU=arm926";
	return strcmp(p->variant, "v6") == 0 ? "QEMU_CPU=arm1176" : "QEMU_CPU=cortex-a15";
}

static void add_user(struct buf *b, const struct sandbox_step *step)
{
	buf_printf(b, "\"user\":{\"uid\":%u,\"gid\":%u,\"umask\":%d,\"additionalGids\":[",
		   step->uid, step->gid, 0022);
	for (size_t i = 0; i < step->n_groups; i++)
		buf_printf(b, "%s%u", i ? "," : "", step->groups[i]);
	buf_add(b, STR("]}"));
}

static void add_capabilities(struct buf *b, uint32_t uid)
{
	buf_printf(b, "\"capabilities\":{\"bounding\":%s", capabilities);
	if (uid == 0)
		buf_printf(b, ",\"effective\":%s,\"permitted\":%s", capabilities, capabilities);
	buf_add_c(b, '}');
}

static void add_process(struct buf *b, const struct sandbox_step *step)
{
	buf_add(b, STR("\"process\":{\"terminal\":false,"));
	add_user(b, step);
	buf_add(b, STR(",\"args\":"));
	add_strs(b, step->args, NULL);
	buf_add(b, STR(",\"env\":"));
	add_strs(b, step->env, cpu_of(step->platform));
	buf_add(b, STR(",\"cwd\":"));
	json_add_str(b, str_of(step->cwd));
	buf_add_c(b, ',');
	add_capabilities(b, step->uid);
	buf_add(b, STR(",\"noNewPrivileges\":false}"));
}

static void add_bind(struct buf *b, const char *from, const char *to, const char *options)
{
	buf_add(b, STR(",{\"type\":\"bind\",\"source\":"));
	json_add_str(b, str_of(from));
	buf_add(b, STR(",\"destination\":"));
	json_add_str(b, str_of(to));
	buf_printf(b, ",\"options\":[%s]}", options);
}

static void add_mounts(struct buf *b, const struct sandbox *s, const struct sandbox_step *step,
		       const char *hosts)
{
	own_mem char *resolv = mem_printf("%s/resolv.conf", s->etc);
	buf_printf(b, "\"mounts\":[%s", usual_mounts);
	if (s->sys) /* what is mounted in it is read-only already */
		add_bind(b, s->sys, "/sys", "\"rbind\",\"ro\"" NO_DEVICES);
	else
		add_bind(b, "/sys", "/sys", "\"rbind\",\"rro\"" NO_DEVICES);
	add_bind(b, resolv, "/etc/resolv.conf", "\"bind\",\"ro\"" NO_DEVICES);
	add_bind(b, hosts, "/etc/hosts", "\"bind\",\"ro\"" NO_DEVICES);
	for (size_t i = 0; i < step->n_mounts; i++) {
		const struct sandbox_mount *m = &step->mounts[i];
		/* not "rro": crun sets that on directories only */
		add_bind(b, m->source, m->target, m->read_only ? "\"rbind\",\"ro\"" : "\"rbind\"");
	}
	buf_add_c(b, ']');
}

struct err *sandbox_spec(const struct sandbox *s, const struct sandbox_step *step,
			 const char *hosts, char **out, size_t *len)
{
	struct buf b;
	buf_init(&b, MAX_SPEC_BYTES);
	buf_add(&b, STR("{\"ociVersion\":\"1.0.2\","));
	add_process(&b, step);
	buf_add(&b, STR(",\"root\":{\"path\":"));
	json_add_str(&b, str_of(step->rootfs));
	buf_add(&b, STR(",\"readonly\":false},\"hostname\":"));
	json_add_str(&b, str_of(step->hostname ?: "kiln"));
	buf_add_c(&b, ',');
	add_mounts(&b, s, step, hosts);
	buf_add(&b, STR(",\"linux\":{"));
	add_namespaces(&b, step);
	buf_add_c(&b, ',');
	buf_add(&b, str_of(hidden_paths));
	buf_add(&b, STR("}}"));
	return buf_finish(&b, out, len);
}

char *sandbox_hosts(const char *hostname)
{
	return mem_printf("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
			  "127.0.1.1\t%s\n",
			  hostname ?: "kiln");
}

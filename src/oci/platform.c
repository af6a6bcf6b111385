#include "oci/platform.h"

#include <stdio.h>
#include <sys/utsname.h>

#include "oci/shown_priv.h"

static bool is_one_of(struct str s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(s, str_of(words[i])))
			return true;
	return false;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_platform_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

/* `out` is zeroed. What no platform can hold becomes "?", and what is too long is cut: neither then
 * equals a platform that anybody names. */
static void set_field(char *out, size_t cap, struct str s)
{
	for (size_t i = 0; i < s.len && i < cap - 1; i++)
		out[i] = is_platform_char(lower(s.p[i])) ? lower(s.p[i]) : '?';
}

/* What others call our architectures. A variant given beside the name wins over the one here. */
static const struct {
	const char *name, *arch, *variant;
} aliases[] = {
	{ "x86_64", "amd64", "" },
	{ "x86-64", "amd64", "" },
	{ "aarch64", "arm64", "" },
	{ "armhf", "arm", "v7" },
	{ "armel", "arm", "v6" },
	{ "armv8l", "arm", "v7" },
	{ "armv7l", "arm", "v7" },
	{ "armv7", "arm", "v7" },
	{ "armv6l", "arm", "v6" },
	{ "armv6", "arm", "v6" },
	{ "armv5tel", "arm", "v5" },
	{ "i386", "386", "" },
	{ "i686", "386", "" },
	{ "ppc64el", "ppc64le", "" },
	{ "mips64el", "mips64le", "" },
	{ "mipsel", "mipsle", "" },
	{ "loongarch64", "loong64", "" },
};

static const char *const systems[] = { "linux",   "windows", "darwin",  "freebsd", "openbsd",
				       "netbsd",  "solaris", "illumos", "aix",     "android",
				       "wasip1",  "wasi",    "plan9",   "js",      "dragonfly",
				       "unknown", "macos",   "ios" };

static const char *const architectures[] = { "amd64",  "arm64",    "arm",     "386",  "ppc64le",
					     "ppc64",  "s390x",    "riscv64", "mips", "mipsle",
					     "mips64", "mips64le", "loong64", "wasm" };

static void normalise_arch(struct oci_platform *p)
{
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		if (strcmp(p->arch, aliases[i].name) != 0)
			continue;
		memset(p->arch, 0, sizeof(p->arch));
		memcpy(p->arch, aliases[i].arch, strlen(aliases[i].arch));
		if (!p->variant[0])
			memcpy(p->variant, aliases[i].variant, strlen(aliases[i].variant));
		return;
	}
}

static void normalise_variant(struct oci_platform *p)
{
	char *v = p->variant;
	if (v[0] >= '0' && v[0] <= '9') { /* "8" means v8 */
		memmove(v + 1, v, sizeof(p->variant) - 2);
		v[0] = 'v';
		v[sizeof(p->variant) - 1] = '\0';
	}
	bool is_default = (!strcmp(p->arch, "arm64") && (!strcmp(v, "v8") || !strcmp(v, "v8.0"))) ||
			  (!strcmp(p->arch, "amd64") && !strcmp(v, "v1"));
	if (is_default)
		memset(v, 0, sizeof(p->variant));
	if (!strcmp(p->arch, "arm") && !v[0])
		memcpy(v, "v7", 2);
}

struct oci_platform oci_platform_make(struct str os, struct str arch, struct str variant)
{
	struct oci_platform p = { "", "", "" };
	set_field(p.os, sizeof(p.os), os);
	set_field(p.arch, sizeof(p.arch), arch);
	set_field(p.variant, sizeof(p.variant), variant);
	if (!strcmp(p.os, "macos"))
		memcpy(p.os, "darwin", 6);
	normalise_arch(&p);
	normalise_variant(&p);
	return p;
}

static bool is_known_arch(struct str s)
{
	struct oci_platform p = oci_platform_make(STR("linux"), s, STR(""));
	return is_one_of(str_of(p.arch), architectures, ARRAY_LEN(architectures));
}

static bool is_known_system(struct str s)
{
	struct oci_platform p = oci_platform_make(s, STR(""), STR(""));
	return is_one_of(str_of(p.os), systems, ARRAY_LEN(systems));
}

static struct err *no_platform(struct str text)
{
	return err_new(ERR_INVALID, "\"%s\" is no platform: write os/arch or os/arch/variant",
		       oci_shown(text).s);
}

static struct err *check_part(struct str text, struct str part, size_t cap)
{
	bool ok = part.len > 0 && part.len < cap;
	for (size_t i = 0; ok && i < part.len; i++)
		ok = is_platform_char(lower(part.p[i]));
	return ok ? NULL : no_platform(text);
}

struct err *oci_platform_parse(struct str text, struct oci_platform *out)
{
	struct str part[3] = { { NULL, 0 } }, rest = text;
	size_t n = 0;
	while (n < ARRAY_LEN(part) && (n == 0 || rest.p))
		part[n++] = str_cut(&rest, '/');
	if (rest.p)
		return no_platform(text);

	/* "arm/v7" leaves out the system, as "arm64" does. */
	bool no_system = n == 1 || (n == 2 && is_known_arch(part[0]) && !is_known_system(part[0]));
	if (no_system) {
		part[2] = part[1];
		part[1] = part[0];
		part[0] = STR("linux");
		n++;
	}
	TRY(check_part(text, part[0], sizeof(out->os)));
	TRY(check_part(text, part[1], sizeof(out->arch)));
	if (n == 3) { /* "8" grows to "v8" */
		bool grows = part[2].len && part[2].p[0] >= '0' && part[2].p[0] <= '9';
		TRY(check_part(text, part[2], sizeof(out->variant) - grows));
	}
	if (is_known_arch(part[0]) && !is_known_system(part[0]))
		return no_platform(text); /* "arm64/arm64" */
	if (no_system && n == 2 && is_known_system(part[1]))
		return err_new(ERR_INVALID, "platform \"%s\" names no architecture: write %s/amd64",
			       oci_shown(text).s, oci_shown(part[1]).s);
	*out = oci_platform_make(part[0], part[1], part[2]);
	return NULL;
}

static const struct oci_platform targets[] = {
	{ "linux", "amd64", "" },
	{ "linux", "arm64", "" },
	{ "linux", "arm", "v7" },
	{ "linux", "arm", "v6" },
};

static struct err *refuse_target(struct str text)
{
	static const char *const words[] = { "linux/amd64",  "linux/arm64", "linux/arm/v7",
					     "linux/arm/v6", "amd64",       "arm64",
					     "arm/v7",       "arm/v6" };
	const char *near = str_nearest(text, words, ARRAY_LEN(words));
	return err_new(ERR_INVALID,
		       "platform %s is not supported; supported are linux/amd64, linux/arm64, "
		       "linux/arm/v7 and linux/arm/v6%s%s%s",
		       oci_shown(text).s, near ? " (did you mean " : "", near ?: "",
		       near ? "?)" : "");
}

struct err *oci_platform_parse_target(struct str text, struct oci_platform *out)
{
	struct oci_platform p;
	struct err *e = oci_platform_parse(text, &p);
	for (size_t i = 0; !e && i < ARRAY_LEN(targets); i++) {
		if (oci_platform_eq(&p, &targets[i])) {
			*out = p;
			return NULL;
		}
	}
	err_free(e);
	return refuse_target(text);
}

struct oci_platform_text oci_platform_text(const struct oci_platform *p)
{
	struct oci_platform_text t;
	snprintf(t.s, sizeof(t.s), "%s/%s%s%s", p->os, p->arch, p->variant[0] ? "/" : "",
		 p->variant);
	return t;
}

bool oci_platform_eq(const struct oci_platform *a, const struct oci_platform *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* N of the variant "vN", where a processor of level N runs all that is below; 0 if it is none. */
static int variant_level(const struct oci_platform *p)
{
	const char *v = p->variant;
	if (!strcmp(p->arch, "amd64") && !v[0])
		return 1;
	bool stepped = !strcmp(p->arch, "arm") || !strcmp(p->arch, "amd64");
	return stepped && v[0] == 'v' && v[1] >= '1' && v[1] <= '9' && !v[2] ? v[1] - '0' : 0;
}

int oci_platform_match(const struct oci_platform *want, const struct oci_platform *have)
{
	enum { EXACT = 100, BASELINE = 1 };
	if (!want->os[0] || !want->arch[0] || strcmp(want->os, have->os) != 0 ||
	    strcmp(want->arch, have->arch) != 0)
		return 0;
	if (!strcmp(want->variant, have->variant))
		return EXACT;
	int want_level = variant_level(want), have_level = variant_level(have);
	if (want_level && have_level)
		return have_level < want_level ? have_level : 0;
	/* Without a variant it is the architecture's common base, which every variant runs. */
	return !have->variant[0] ? BASELINE : 0;
}

struct oci_platform oci_platform_host(void)
{
	struct utsname u;
	if (uname(&u) != 0)
		memset(&u, 0, sizeof(u)); /* cannot be, and then nothing is native */
	return oci_platform_make(STR("linux"), str_of(u.machine), STR(""));
}

bool oci_platform_is_native(const struct oci_platform *p)
{
	struct oci_platform host = oci_platform_host();
	return oci_platform_eq(p, &host);
}

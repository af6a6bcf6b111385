/* Image configurations. SPEC image-spec config.md, with Docker's Healthcheck, OnBuild and Shell. */
#ifndef KILN_OCI_CONFIG_H
#define KILN_OCI_CONFIG_H

#include "base/arena.h"
#include "base/limits.h"
#include "oci/digest.h"
#include "oci/platform.h"

struct oci_strings {
	const char **v; /* arena */
	size_t n, cap;
	bool set; /* tells [] from absent */
};
void oci_strings_add(struct arena *a, struct oci_strings *s,
		     const char *text); /* text is borrowed, must live as long as `a` */

struct oci_pair {
	const char *key, *value;
};
struct oci_map {
	struct oci_pair *v; /* arena; in the order of first setting */
	size_t n, cap;
};
void oci_map_set(struct arena *a, struct oci_map *m, const char *key, const char *value);
const char *oci_map_get(const struct oci_map *m, const char *key); /* NULL if absent */

struct oci_healthcheck {
	struct oci_strings test; /* {"NONE"}, {"CMD", …}, {"CMD-SHELL", text} */
	int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
	int64_t retries;
};

struct oci_history {
	int64_t created_unix_ns;                   /* INT64_MIN: absent */
	const char *created_by, *author, *comment; /* NULL: absent */
	bool empty_layer;
};

struct oci_config {
	struct oci_platform platform;
	int64_t created_unix_ns; /* INT64_MIN: absent */
	const char *author;
	/* "config" */
	const char *user, *working_dir, *stop_signal; /* NULL: absent */
	struct oci_map env;                           /* NAME=value */
	struct oci_strings entrypoint, cmd, shell, on_build;
	struct oci_strings exposed_ports, volumes; /* "80/tcp"; paths; sets, written sorted */
	struct oci_map labels;                     /* written sorted by key */
	bool has_healthcheck;
	struct oci_healthcheck healthcheck;
	/* "rootfs", "history" */
	struct oci_digest *diff_ids;
	size_t n_diff_ids, cap_diff_ids;
	struct oci_history *history;
	size_t n_history, cap_history;
};

/* Reads a configuration from outside; fields it does not know are left out. Empty texts and Go's
 * zero time are absent, and so may be any member. ERR_LIMIT above LIMIT_CONFIG_BYTES, _ITEMS, _ENV
 * and _HISTORY. Takes at most OCI_CONFIG_ARENA_BYTES of the arena. */
#define OCI_CONFIG_ARENA_BYTES (2 * LIMIT_CONFIG_BYTES)
struct err *oci_config_parse(struct arena *a, struct str body, struct oci_config *out);
/* Writes it, the same bytes for the same content. The caller frees `*out`. */
struct err *oci_config_write(const struct oci_config *c, char **out, size_t *len);
/* Copies all but what it points to: lists can then grow apart. */
void oci_config_copy(struct arena *a, const struct oci_config *from, struct oci_config *to);
void oci_config_add_diff_id(struct arena *a, struct oci_config *c, const struct oci_digest *d);
void oci_config_add_history(struct arena *a, struct oci_config *c, const struct oci_history *h);

#endif

#include <stdlib.h>

#include "base/time.h"
#include "codec/json.h"
#include "oci/config.h"

static void add_key(struct buf *b, const char *key)
{
	if (b->p[b->len - 1] != '{')
		buf_add_c(b, ',');
	buf_printf(b, "\"%s\":", key);
}

static void add_text(struct buf *b, const char *key, const char *text)
{
	if (!text || !text[0])
		return;
	add_key(b, key);
	json_add_str(b, str_of(text));
}

static void add_time(struct buf *b, const char *key, int64_t unix_ns)
{
	if (unix_ns != INT64_MIN)
		add_text(b, key, time_rfc3339(unix_ns).s);
}

static void add_number(struct buf *b, const char *key, int64_t n)
{
	if (!n)
		return;
	add_key(b, key);
	buf_printf(b, "%lld", (long long)n);
}

static void add_strings(struct buf *b, const char *key, const struct oci_strings *s)
{
	if (!s->set)
		return;
	add_key(b, key);
	buf_add_c(b, '[');
	for (size_t i = 0; i < s->n; i++) {
		if (i)
			buf_add_c(b, ',');
		json_add_str(b, str_of(s->v[i]));
	}
	buf_add_c(b, ']');
}

static int compare_pairs(const void *a, const void *b)
{
	const struct oci_pair *x = a, *y = b;
	return strcmp(x->key, y->key);
}

/* Each key once, sorted; a value of NULL is an empty object. `v` is the caller's to sort. */
static void add_sorted(struct buf *b, const char *key, struct oci_pair *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare_pairs);
	add_key(b, key);
	buf_add_c(b, '{');
	for (size_t i = 0; i < n; i++) {
		if (i && !strcmp(v[i].key, v[i - 1].key))
			continue;
		if (i)
			buf_add_c(b, ',');
		json_add_str(b, str_of(v[i].key));
		buf_add_c(b, ':');
		if (v[i].value)
			json_add_str(b, str_of(v[i].value));
		else
			buf_add(b, STR("{}"));
	}
	buf_add_c(b, '}');
}

static void add_set(struct buf *b, const char *key, const struct oci_strings *s)
{
	if (!s->set)
		return;
	own_mem struct oci_pair *v = mem_new_array(s->n, struct oci_pair);
	for (size_t i = 0; i < s->n; i++)
		v[i].key = s->v[i];
	add_sorted(b, key, v, s->n);
}

static void add_map(struct buf *b, const char *key, const struct oci_map *m)
{
	if (!m->n)
		return;
	own_mem struct oci_pair *v = mem_new_array(m->n, struct oci_pair);
	memcpy(v, m->v, m->n * sizeof(*v));
	add_sorted(b, key, v, m->n);
}

static void add_env(struct buf *b, const struct oci_map *env)
{
	if (!env->n)
		return;
	add_key(b, "Env");
	for (size_t i = 0; i < env->n; i++) {
		own_mem char *entry = mem_printf("%s=%s", env->v[i].key, env->v[i].value);
		buf_add_c(b, i ? ',' : '[');
		json_add_str(b, str_of(entry));
	}
	buf_add_c(b, ']');
}

static void add_healthcheck(struct buf *b, const struct oci_config *c)
{
	const struct oci_healthcheck *h = &c->healthcheck;
	if (!c->has_healthcheck)
		return;
	add_key(b, "Healthcheck");
	buf_add_c(b, '{');
	add_strings(b, "Test", &h->test);
	add_number(b, "Interval", h->interval_ns);
	add_number(b, "Timeout", h->timeout_ns);
	add_number(b, "StartPeriod", h->start_period_ns);
	add_number(b, "StartInterval", h->start_interval_ns);
	add_number(b, "Retries", h->retries);
	buf_add_c(b, '}');
}

static void add_run_config(struct buf *b, const struct oci_config *c)
{
	add_key(b, "config");
	buf_add_c(b, '{');
	add_text(b, "User", c->user);
	add_set(b, "ExposedPorts", &c->exposed_ports);
	add_env(b, &c->env);
	add_strings(b, "Entrypoint", &c->entrypoint);
	add_strings(b, "Cmd", &c->cmd);
	add_healthcheck(b, c);
	add_set(b, "Volumes", &c->volumes);
	add_text(b, "WorkingDir", c->working_dir);
	add_map(b, "Labels", &c->labels);
	add_text(b, "StopSignal", c->stop_signal);
	add_strings(b, "Shell", &c->shell);
	add_strings(b, "OnBuild", &c->on_build);
	buf_add_c(b, '}');
}

static void add_rootfs(struct buf *b, const struct oci_config *c)
{
	add_key(b, "rootfs");
	buf_add(b, STR("{\"type\":\"layers\",\"diff_ids\":["));
	for (size_t i = 0; i < c->n_diff_ids; i++)
		buf_printf(b, "%s\"%s\"", i ? "," : "", oci_digest_text(&c->diff_ids[i]).s);
	buf_add(b, STR("]}"));
}

static void add_history(struct buf *b, const struct oci_config *c)
{
	add_key(b, "history");
	buf_add_c(b, '[');
	for (size_t i = 0; i < c->n_history; i++) {
		const struct oci_history *h = &c->history[i];
		buf_add(b, i ? STR(",{") : STR("{"));
		add_time(b, "created", h->created_unix_ns);
		add_text(b, "created_by", h->created_by);
		add_text(b, "author", h->author);
		add_text(b, "comment", h->comment);
		if (h->empty_layer) {
			add_key(b, "empty_layer");
			buf_add(b, STR("true"));
		}
		buf_add_c(b, '}');
	}
	buf_add_c(b, ']');
}

struct err *oci_config_write(const struct oci_config *c, char **out, size_t *len)
{
	struct buf b;
	buf_init(&b, LIMIT_CONFIG_BYTES);
	buf_add_c(&b, '{');
	add_time(&b, "created", c->created_unix_ns);
	add_text(&b, "author", c->author);
	/* Both are required, so they are written even when a foreign image had none. */
	add_key(&b, "architecture");
	json_add_str(&b, str_of(c->platform.arch));
	add_text(&b, "variant", c->platform.variant);
	add_key(&b, "os");
	json_add_str(&b, str_of(c->platform.os));
	add_run_config(&b, c);
	add_rootfs(&b, c);
	add_history(&b, c);
	buf_add_c(&b, '}');
	return buf_finish(&b, out, len);
}

#include "oci/config.h"

#include <stdlib.h>

#include "base/time.h"
#include "codec/json.h"
#include "oci/shown_priv.h"

#define ABSENT INT64_MIN

/* `n` elements of `size` bytes each, copied to an array of `cap`. */
static void *copy_array(struct arena *a, const void *from, size_t n, size_t cap, size_t size)
{
	void *to = arena_zalloc(a, cap * size);
	if (n)
		memcpy(to, from, n * size);
	return to;
}

/* Makes room for one more element; what an arena array outgrows stays behind in the arena. */
#define reserve_one(a, ptr, n, cap)                                                 \
	do {                                                                        \
		if ((n) == (cap)) {                                                 \
			(cap) = (cap) ? (cap)*2 : 8;                                \
			(ptr) = copy_array((a), (ptr), (n), (cap), sizeof(*(ptr))); \
		}                                                                   \
	} while (0)

void oci_strings_add(struct arena *a, struct oci_strings *s, const char *text)
{
	reserve_one(a, s->v, s->n, s->cap);
	s->v[s->n++] = text;
	s->set = true;
}

void oci_map_set(struct arena *a, struct oci_map *m, const char *key, const char *value)
{
	for (size_t i = 0; i < m->n; i++) {
		if (!strcmp(m->v[i].key, key)) {
			m->v[i].value = value;
			return;
		}
	}
	reserve_one(a, m->v, m->n, m->cap);
	m->v[m->n++] = (struct oci_pair){ key, value };
}

const char *oci_map_get(const struct oci_map *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->v[i].key, key))
			return m->v[i].value;
	return NULL;
}

void oci_config_add_diff_id(struct arena *a, struct oci_config *c, const struct oci_digest *d)
{
	reserve_one(a, c->diff_ids, c->n_diff_ids, c->cap_diff_ids);
	c->diff_ids[c->n_diff_ids++] = *d;
}

void oci_config_add_history(struct arena *a, struct oci_config *c, const struct oci_history *h)
{
	reserve_one(a, c->history, c->n_history, c->cap_history);
	c->history[c->n_history++] = *h;
}

static void copy_strings(struct arena *a, struct oci_strings *s)
{
	s->cap = s->n;
	s->v = copy_array(a, s->v, s->n, s->n, sizeof(*s->v));
}

static void copy_map(struct arena *a, struct oci_map *m)
{
	m->cap = m->n;
	m->v = copy_array(a, m->v, m->n, m->n, sizeof(*m->v));
}

void oci_config_copy(struct arena *a, const struct oci_config *from, struct oci_config *to)
{
	struct oci_config c = *from;
	copy_map(a, &c.env);
	copy_map(a, &c.labels);
	struct oci_strings *lists[] = { &c.entrypoint,      &c.cmd,     &c.shell,
					&c.on_build,        &c.volumes, &c.exposed_ports,
					&c.healthcheck.test };
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		copy_strings(a, lists[i]);
	c.cap_diff_ids = c.n_diff_ids;
	c.diff_ids = copy_array(a, c.diff_ids, c.n_diff_ids, c.n_diff_ids, sizeof(*c.diff_ids));
	c.cap_history = c.n_history;
	c.history = copy_array(a, c.history, c.n_history, c.n_history, sizeof(*c.history));
	*to = c;
}

struct reading {
	struct arena *a; /* borrowed */
	size_t items;    /* of all lists and maps so far */
};

static struct err *count_items(struct reading *r, const char *key, size_t n, size_t max)
{
	r->items += n;
	if (n <= max && r->items <= LIMIT_CONFIG_ITEMS)
		return NULL;
	return err_new(ERR_LIMIT, "\"%s\" of %zu entries is too long", key, n);
}

/* Absent and empty text are one: NULL. */
static struct err *get_text(struct reading *r, json_t *obj, const char *key, const char **out)
{
	struct str s = { NULL, 0 };
	TRY(json_get_str(obj, key, &s));
	if (s.len)
		*out = arena_strdup(r->a, s);
	return NULL;
}

static struct err *get_time(json_t *obj, const char *key, int64_t *out)
{
	struct str s = { NULL, 0 };
	TRY(json_get_str(obj, key, &s));
	if (!s.len || str_eq(s, STR("0001-01-01T00:00:00Z"))) /* Go's zero time */
		return NULL;
	if (!time_parse_rfc3339(s, out))
		return err_new(ERR_INVALID, "\"%s\" is no time of RFC 3339: \"%s\"", key,
			       oci_shown(s).s);
	return NULL;
}

static struct err *text_of(struct reading *r, const char *key, json_t *j, const char **out)
{
	if (!json_is_string(j))
		return err_new(ERR_INVALID, "\"%s\" holds what is not a string", key);
	*out = arena_strdup(r->a, str_n(json_string_value(j), json_string_length(j)));
	return NULL;
}

static struct err *get_strings(struct reading *r, json_t *obj, const char *key,
			       struct oci_strings *out)
{
	json_t *list = NULL, *value;
	size_t i;
	TRY(json_get_array(obj, key, &list));
	if (!list)
		return NULL;
	struct oci_strings s = { .n = json_array_size(list), .set = true };
	TRY(count_items(r, key, s.n, LIMIT_CONFIG_ITEMS));
	s.cap = s.n;
	s.v = arena_new_array(r->a, s.n, const char *);
	json_array_foreach(list, i, value) TRY(text_of(r, key, value, &s.v[i]));
	*out = s;
	return NULL;
}

/* A set, written as an object whose values are empty objects. */
static struct err *get_set(struct reading *r, json_t *obj, const char *key, struct oci_strings *out)
{
	json_t *map = NULL, *value;
	const char *name;
	TRY(json_get_obj(obj, key, &map));
	if (!map)
		return NULL;
	struct oci_strings s = { .cap = json_object_size(map), .set = true };
	TRY(count_items(r, key, s.cap, LIMIT_CONFIG_ITEMS));
	s.v = arena_new_array(r->a, s.cap, const char *);
	json_object_foreach(map, name, value)
	{
		if (!json_is_object(value) && !json_is_null(value))
			return err_new(ERR_INVALID, "\"%s\" holds what is not an object", key);
		s.v[s.n++] = arena_strdup(r->a, str_of(name));
	}
	*out = s;
	return NULL;
}

static struct err *get_map(struct reading *r, json_t *obj, const char *key, struct oci_map *out)
{
	json_t *map = NULL, *value;
	const char *name;
	TRY(json_get_obj(obj, key, &map));
	struct oci_map m = { .cap = json_object_size(map) };
	TRY(count_items(r, key, m.cap, LIMIT_CONFIG_ITEMS));
	m.v = arena_new_array(r->a, m.cap, struct oci_pair);
	json_object_foreach(map, name, value)
	{
		struct oci_pair *p = &m.v[m.n++];
		p->key = arena_strdup(r->a, str_of(name));
		TRY(text_of(r, key, value, &p->value));
	}
	*out = m;
	return NULL;
}

static struct err *get_env(struct reading *r, json_t *obj, struct oci_map *out)
{
	json_t *list = NULL, *entry;
	size_t i;
	TRY(json_get_array(obj, "Env", &list));
	TRY(count_items(r, "Env", json_array_size(list), LIMIT_CONFIG_ENV));
	json_array_foreach(list, i, entry)
	{
		if (!json_is_string(entry))
			return err_new(ERR_INVALID, "\"Env\" holds what is not a string");
		char *name = arena_strdup(r->a, str_of(json_string_value(entry)));
		char *value = strchrnul(name, '=');
		if (*value)
			*value++ = '\0';
		oci_map_set(r->a, out, name, value);
	}
	return NULL;
}

static struct err *get_i64(json_t *obj, const char *key, int64_t *out)
{
	uint64_t n = 0;
	TRY(json_get_u64(obj, key, INT64_MAX, &n));
	*out = (int64_t)n;
	return NULL;
}

static struct err *get_healthcheck(struct reading *r, json_t *obj, struct oci_config *c)
{
	struct oci_healthcheck *h = &c->healthcheck;
	json_t *j = NULL;
	TRY(json_get_obj(obj, "Healthcheck", &j));
	c->has_healthcheck = j;
	if (!j)
		return NULL;
	TRY(get_strings(r, j, "Test", &h->test));
	TRY(get_i64(j, "Interval", &h->interval_ns));
	TRY(get_i64(j, "Timeout", &h->timeout_ns));
	TRY(get_i64(j, "StartPeriod", &h->start_period_ns));
	TRY(get_i64(j, "StartInterval", &h->start_interval_ns));
	return get_i64(j, "Retries", &h->retries);
}

static struct err *get_run_config(struct reading *r, json_t *doc, struct oci_config *c)
{
	json_t *j = NULL;
	TRY(json_get_obj(doc, "config", &j));
	if (!j)
		return NULL;
	TRY(get_text(r, j, "User", &c->user));
	TRY(get_text(r, j, "WorkingDir", &c->working_dir));
	TRY(get_text(r, j, "StopSignal", &c->stop_signal));
	TRY(get_env(r, j, &c->env));
	TRY(get_map(r, j, "Labels", &c->labels));
	TRY(get_set(r, j, "ExposedPorts", &c->exposed_ports));
	TRY(get_set(r, j, "Volumes", &c->volumes));
	TRY(get_strings(r, j, "Entrypoint", &c->entrypoint));
	TRY(get_strings(r, j, "Cmd", &c->cmd));
	TRY(get_strings(r, j, "Shell", &c->shell));
	TRY(get_strings(r, j, "OnBuild", &c->on_build));
	return get_healthcheck(r, j, c);
}

static struct err *get_rootfs(struct reading *r, json_t *doc, struct oci_config *c)
{
	json_t *rootfs = NULL, *list = NULL, *value;
	struct str type = STR("layers");
	size_t i;
	TRY(json_get_obj(doc, "rootfs", &rootfs));
	if (!rootfs)
		return NULL;
	TRY(json_get_str(rootfs, "type", &type));
	if (!str_eq(type, STR("layers")))
		return err_new(ERR_INVALID, "\"rootfs\" is of the unknown type \"%s\"",
			       oci_shown(type).s);
	TRY(json_get_array(rootfs, "diff_ids", &list));
	TRY(count_items(r, "diff_ids", json_array_size(list), LIMIT_MANIFEST_LAYERS));
	c->cap_diff_ids = json_array_size(list);
	c->diff_ids = arena_new_array(r->a, c->cap_diff_ids, struct oci_digest);
	json_array_foreach(list, i, value)
	{
		struct str s = str_n(json_string_value(value), json_string_length(value));
		TRY(err_wrap(oci_digest_parse(s, &c->diff_ids[i]), "diff_ids[%zu]", i));
	}
	c->n_diff_ids = c->cap_diff_ids;
	return NULL;
}

static struct err *read_history(struct reading *r, json_t *j, struct oci_history *h)
{
	h->created_unix_ns = ABSENT;
	TRY(get_time(j, "created", &h->created_unix_ns));
	TRY(get_text(r, j, "created_by", &h->created_by));
	TRY(get_text(r, j, "author", &h->author));
	TRY(get_text(r, j, "comment", &h->comment));
	return json_get_bool(j, "empty_layer", &h->empty_layer);
}

static struct err *get_history(struct reading *r, json_t *doc, struct oci_config *c)
{
	json_t *list = NULL, *value;
	size_t i;
	TRY(json_get_array(doc, "history", &list));
	TRY(count_items(r, "history", json_array_size(list), LIMIT_CONFIG_HISTORY));
	c->cap_history = json_array_size(list);
	c->history = arena_new_array(r->a, c->cap_history, struct oci_history);
	json_array_foreach(list, i, value)
		TRY(err_wrap(read_history(r, value, &c->history[i]), "history[%zu]", i));
	c->n_history = c->cap_history;
	return NULL;
}

static struct err *read_config(struct reading *r, json_t *doc, struct oci_config *c)
{
	struct str os = STR(""), arch = STR(""), variant = STR("");
	if (!json_is_object(doc))
		return err_new(ERR_INVALID, "it must be a JSON object");
	TRY(json_get_str(doc, "os", &os));
	TRY(json_get_str(doc, "architecture", &arch));
	TRY(json_get_str(doc, "variant", &variant));
	c->platform = oci_platform_make(os, arch, variant);
	TRY(get_time(doc, "created", &c->created_unix_ns));
	TRY(get_text(r, doc, "author", &c->author));
	TRY(get_run_config(r, doc, c));
	TRY(get_rootfs(r, doc, c));
	return get_history(r, doc, c);
}

struct err *oci_config_parse(struct arena *a, struct str body, struct oci_config *out)
{
	struct oci_config c = { .created_unix_ns = ABSENT };
	struct reading r = { .a = a };
	own_json doc = NULL;
	if (body.len > LIMIT_CONFIG_BYTES)
		return err_new(ERR_LIMIT, "image configuration of %zu bytes is longer than %zu",
			       body.len, LIMIT_CONFIG_BYTES);
	TRY(err_wrap(json_read(body, &doc), "image configuration"));
	TRY(err_wrap(read_config(&r, doc, &c), "image configuration"));
	*out = c;
	return NULL;
}

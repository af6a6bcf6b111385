/* Why the cache had a step or not.
 *
 * Of what a COPY takes from the build context, the names and prints of its files are kept by
 * origin (executor_request) and inputs. When the step misses, what is kept tells which changed. */
#include "executor/changes.h"
#include "executor/executor_priv.h"

#include <stdlib.h>

#include "base/log.h"

#define MOST_KEPT 500 /* trees; the oldest go */

/* --- files of a COPY ------------------------------------------------------------------------ */

struct exec_why {
	struct exec_key_text key;
	char *tree; /* owned; NULL once it is stored */
	char *text; /* owned */
	struct exec_why *next;
};

void exec_why_free(struct exec_why *list)
{
	while (list) {
		struct exec_why *next = list->next;
		free(list->tree);
		free(list->text);
		free(list);
		list = next;
	}
}

static bool take_tree(void *arg, struct db_row *row)
{
	*(char **)arg = str_dup(db_row_text(row, 0));
	return false;
}

static struct exec_key_text key_of(const struct exec *x, const struct graph_step *g)
{
	own_mem char *text = mem_printf("%s\n%s", x->r->origin, g->inputs);
	struct sha256_sum sum = sha256_of(text, strlen(text));
	return exec_key_text(&sum);
}

static struct exec_why *find_locked(struct exec *x, const struct exec_key_text *key)
{
	struct exec_why *w = x->whys;
	while (w && strcmp(w->key.s, key->s) != 0)
		w = w->next;
	return w;
}

/* Of steps that differ in their platform only, the first asks. */
void exec_why_copied(struct exec *x, struct exec_step *s, const struct source_print *v, size_t n)
{
	struct exec_key_text key = key_of(x, s->g);
	own_mem char *tree = changes_tree(v, n), *before = NULL;
	{
		hold(&x->lock);
		s->why = find_locked(x, &key);
	}
	if (s->why || !tree)
		return;
	err_free(db_query(x->o->db, "SELECT tree FROM copied_tree WHERE key = $1",
			  DB_PARAMS(db_cstr(key.s)), take_tree, &before));
	own_mem char *names = before ? changes_names(before, tree) : NULL;
	struct exec_why *w = mem_new(struct exec_why);
	*w = (struct exec_why){ .key = key, .tree = move(tree) };
	w->text = mem_printf("files changed%s%s", names ? ": " : "", names ? names : "");
	hold(&x->lock);
	s->why = w;
	w->next = x->whys;
	x->whys = w;
}

struct err *exec_why_store(struct exec *x, struct db_tx *tx, int64_t now_ns)
{
	bool any = false;
	for (;;) {
		own_mem char *tree = NULL;
		struct exec_key_text key;
		{
			hold(&x->lock);
			struct exec_why *w = x->whys;
			while (w && !w->tree)
				w = w->next;
			if (!w)
				break;
			key = w->key;
			tree = move(w->tree);
		}
		any = true;
		TRY(db_tx_exec(tx,
			       "INSERT INTO copied_tree (key, tree, used_ns) VALUES ($1, $2, $3)"
			       " ON CONFLICT (key) DO UPDATE SET tree = excluded.tree,"
			       " used_ns = excluded.used_ns",
			       DB_PARAMS(db_cstr(key.s), db_cstr(tree), db_int(now_ns))));
	}
	if (!any)
		return NULL;
	return db_tx_exec(
		tx,
		"DELETE FROM copied_tree WHERE used_ns <= (SELECT used_ns FROM copied_tree"
		" ORDER BY used_ns DESC LIMIT 1 OFFSET $1)",
		DB_PARAMS(db_int(MOST_KEPT)));
}

/* --- reasons -------------------------------------------------------------------------------- */

static bool see_any(void *arg, struct db_row *row)
{
	*(bool *)arg = true;
	return false;
}

static bool ran_before(struct exec *x, const struct exec_step *s)
{
	bool any = false;
	struct exec_key_text key = exec_key_text(&s->key);
	/* Asked for the first steps that miss only; what it tells is not worth an index. */
	err_free(db_query(x->o->db,
			  "SELECT 1 FROM step_cache WHERE inputs = $1 AND key <> $2 LIMIT 1",
			  DB_PARAMS(db_cstr(s->g->inputs), db_cstr(key.s)), see_any, &any));
	return any;
}

const char *exec_reason(struct exec *x, const struct exec_step *s)
{
	const struct graph_step *g = s->g;
	if (s->reason)
		return s->reason;
	if (s->cached)
		return s->layer && s->layer->remote ? "cached in the server: same inputs"
						    : "cached: same inputs";
	if (x->r->no_cache)
		return "not cached: --no-cache";
	if (g->parent && !x->steps[g->parent->index].cached)
		return "the step before it was run again";
	if (g->kind == GRAPH_COPY && g->copy.from && !x->steps[g->copy.from->index].cached)
		return "the stage it copies from was built again";
	if (!ran_before(x, s))
		return "instruction changed, or never run";
	if (g->kind != GRAPH_COPY)
		return "no earlier run with this parent";
	return s->why ? s->why->text : "files changed";
}

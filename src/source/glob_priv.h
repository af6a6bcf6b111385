/* Patterns with * ? [a-z] \x and, where `deep`, **. They are simulated: all places in the pattern
 * that fit the text so far go on together, so that no pattern costs more than its length times the
 * text's. */
#ifndef KILN_SOURCE_GLOB_PRIV_H
#define KILN_SOURCE_GLOB_PRIV_H

#include "base/err.h"
#include "base/str.h"

struct glob_token;

struct glob {
	struct glob_token *tokens; /* owned */
	size_t n, cap;
	char *prefix; /* owned; what every match begins with; the first `n_prefix` tokens */
	size_t prefix_len, n_prefix;
};

/* `pattern` is borrowed for as long as the glob lives. ERR_INVALID for a bad pattern, or one longer
 * than LIMIT_PATH_BYTES. */
struct err *glob_init(struct glob *g, struct str pattern, bool deep);
void glob_done(struct glob *g);
bool glob_match(const struct glob *g, struct str text);
/* The text, or what stands before one of its slashes. */
bool glob_match_or_parent(const struct glob *g, struct str path);
/* May some path below `dir` match? */
bool glob_may_match_below(const struct glob *g, struct str dir);
/* Whether one of * ? [ stands there unescaped. */
bool glob_is_pattern(struct str s);

#endif

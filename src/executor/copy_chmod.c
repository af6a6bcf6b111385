#include "executor/copy_priv.h"

/* Three times rwx, as in u, g, o. */
#define ALL_R 0444u
#define ALL_W 0222u
#define ALL_X 0111u

static bool is_digits(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.len > 0;
}

bool copy_chmod_is_octal(const char *chmod)
{
	return is_digits(str_of(chmod));
}

static bool parse_octal(struct str s, uint32_t *mode)
{
	uint32_t m = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] > '7')
			return false;
		m = m * 8 + (uint32_t)(s.p[i] - '0');
		if (m > 07777)
			return false;
	}
	*mode = m;
	return true;
}

/* Takes characters of `set` off the front. */
static struct str take(struct str *s, const char *set)
{
	size_t n = 0;
	while (n < s->len && s->p[n] && strchr(set, s->p[n]))
		n++;
	struct str taken = str_first(*s, n);
	*s = str_skip(*s, n);
	return taken;
}

static bool has(struct str s, char c)
{
	return str_chr(s, c) >= 0;
}

/* Bits that belong to those named: permissions, and the set-id or sticky bit that goes with them.
 */
static uint32_t bits_of(struct str who)
{
	if (!who.len || has(who, 'a'))
		return 07777;
	return (has(who, 'u') ? 04700u : 0) | (has(who, 'g') ? 02070u : 0) |
	       (has(who, 'o') ? 01007u : 0);
}

static uint32_t value_of(struct str perms, uint32_t mode, bool is_dir)
{
	uint32_t v = 0;
	for (size_t i = 0; i < perms.len; i++) {
		switch (perms.p[i]) {
		case 'r':
			v |= ALL_R;
			break;
		case 'w':
			v |= ALL_W;
			break;
		case 'x':
			v |= ALL_X;
			break;
		case 'X':
			v |= is_dir || (mode & ALL_X) ? ALL_X : 0;
			break;
		case 's':
			v |= 06000;
			break;
		case 't':
			v |= 01000;
			break;
		case 'u': /* the permissions of one, for all three */
			v |= ((mode >> 6) & 7) * 0111u;
			break;
		case 'g':
			v |= ((mode >> 3) & 7) * 0111u;
			break;
		case 'o':
			v |= (mode & 7) * 0111u;
			break;
		default:
			break;
		}
	}
	return v;
}

static uint32_t change(uint32_t mode, uint32_t who, char op, struct str perms, bool is_dir)
{
	uint32_t v = value_of(perms, mode, is_dir) & who;
	if (op == '+')
		return mode | v;
	if (op == '-')
		return mode & ~v;
	/* As chmod(1) does, a directory keeps set-id bits that are not named. */
	uint32_t cleared = is_dir && !has(perms, 's') ? who & ~06000u : who;
	return (mode & ~cleared) | v;
}

/* SPEC POSIX.1-2017 chmod, "EXTENDED DESCRIPTION", with an umask of 0 */
static bool apply_clause(struct str clause, bool is_dir, uint32_t *mode)
{
	uint32_t who = bits_of(take(&clause, "ugoa"));
	if (!clause.len)
		return false;
	while (clause.len) {
		char op = clause.p[0];
		if (!strchr("+-=", op) || !op)
			return false;
		clause = str_skip(clause, 1);
		struct str perms = take(&clause, "rwxXst");
		if (!perms.len && clause.len && strchr("ugo", clause.p[0])) {
			perms = str_first(clause, 1);
			clause = str_skip(clause, 1);
		}
		*mode = change(*mode, who, op, perms, is_dir);
	}
	return true;
}

static bool apply_symbolic(struct str s, bool is_dir, uint32_t *mode)
{
	while (s.p)
		if (!apply_clause(str_cut(&s, ','), is_dir, mode))
			return false;
	return true;
}

struct err *copy_chmod_check(const char *chmod)
{
	uint32_t mode = 0;
	struct str s = str_of(chmod);
	if (!s.len)
		return NULL;
	if (is_digits(s))
		return parse_octal(s, &mode)
			       ? NULL
			       : err_new(ERR_INVALID,
					 "--chmod=%s is not an octal mode from 0 to 7777", chmod);
	if (apply_symbolic(s, false, &mode))
		return NULL;
	return err_new(ERR_INVALID,
		       "--chmod=%s is no mode: write 0755, or changes like u=rwX,go=rX", chmod);
}

uint32_t copy_chmod_apply(const char *chmod, uint32_t mode, bool is_dir)
{
	struct str s = str_of(chmod);
	if (!s.len)
		return mode;
	if (!is_digits(s)) {
		apply_symbolic(s, is_dir, &mode);
		return mode;
	}
	parse_octal(s, &mode);
	return is_dir ? mode & ~03000u : mode;
}

#include "base/test.h"
#include "executor/copy_priv.h"

TEST(modes_are_changed_as_chmod_does) /* SPEC case 26 */
{
	static const struct {
		const char *chmod;
		uint32_t mode;
		bool is_dir;
		uint32_t want;
	} cases[] = {
		{ "", 04755, false, 04755 },
		{ "4755", 0600, false, 04755 },
		{ "0", 0777, false, 0 },
		{ "3755", 0700, true, 0755 },
		{ "+x", 0644, false, 0755 },
		{ "u+x", 0644, false, 0744 },
		{ "a-w", 0666, false, 0444 },
		{ "u=rwX,go=rX", 0640, false, 0644 },
		{ "u=rwX,go=rX", 0610, false, 0755 },
		{ "u=rwX,go=rX", 0600, true, 0755 },
		{ "u=rwX,go=rX", 04755, false, 0755 },
		{ "g=u", 0640, false, 0660 },
		{ "o+g", 0650, false, 0655 },
		{ "u+s", 0755, false, 04755 },
		{ "g+s", 0755, true, 02755 },
		{ "+t", 0777, true, 01777 },
		{ "u+t", 0777, true, 0777 },
		{ "g=rx", 02775, true, 02755 }, /* a directory keeps what is not named */
		{ "g=rx", 02775, false, 0755 },
		{ "go=", 0777, false, 0700 },
		{ "u=rw,g-w+x,o=", 0666, false, 0650 },
		{ "a=X", 0644, false, 0 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		EXPECT_OK(copy_chmod_check(cases[i].chmod));
		uint32_t got = copy_chmod_apply(cases[i].chmod, cases[i].mode, cases[i].is_dir);
		if (got != cases[i].want)
			print_error("%s on %o: %o\n", cases[i].chmod, cases[i].mode, got);
		EXPECT(got == cases[i].want);
	}
	static const char *const bad[] = { "8",   "10000",   "-1",    "u",    "u+q",
					   "x",   "u+r,",    ",u+r",  "+xyz", "a=ug",
					   "0x1", "u=r g=r", "+r,,+w" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_ERR(copy_chmod_check(bad[i]), ERR_INVALID, bad[i]);
}

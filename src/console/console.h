/* The web console: the files that web/ is built to, from memory.
 *
 * 1. Every file is kept as gzip. A client that takes gzip gets it as it is, another one inflated.
 * 2. Below /assets/ names change with the content: those are kept for a year. Other files are asked
 *    for again each time, by their ETag.
 * 3. The page has two placeholders: `__KILN_BASE__`, the path that the console is below, and
 *    `__KILN_NONCE__`, which makes the styles that scripts add ours. The nonce is another one in
 * each answer, so the page has no ETag.
 * 4. Addresses within the console are made by its scripts: a path that is no file is the page. What
 *    looks like a file is below /assets/ or /.well-known/, or has a dot and no further slash;
 * deeper names may be those of images, with dots.
 * 5. Every answer has a Content-Security-Policy that allows nothing but ourselves.
 *
 * Paths are looked up in a table; no file is opened. Safe from any thread. */
#ifndef KILN_CONSOLE_CONSOLE_H
#define KILN_CONSOLE_CONSOLE_H

#include "http/server.h"

struct console_file {
	const char *path; /* "/assets/index-4f2a.js" */
	const char *type; /* "text/css; charset=utf-8" */
	const char *etag; /* without quotes */
	const unsigned char *gzip;
	size_t gzip_bytes, bytes;
};
/* Those of this build, made by tools/embed-console; none when it has no console. */
extern const struct console_file console_files[];
extern const size_t console_n_files;

struct console_options {
	const struct console_file *files; /* borrowed */
	size_t n_files;                   /* 0: "/" says that there is no console */
	const char *prefix;               /* borrowed; of the external URL, "/kiln"; "": none */
};

struct console;
/* ERR_CORRUPT when the files have no page. */
struct err *console_open(const struct console_options *o, struct console **out);
void console_free(struct console *c);
OWN_DECLARE(console);
/* Answers whatever is nobody else's, on the poll thread. The prefix was taken off. */
void console_handle(struct console *c, struct http_exchange *x);

#endif

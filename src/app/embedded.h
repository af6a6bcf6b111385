/* The embedded worker: a child process that speaks the protocol of any worker, over loopback. */
#ifndef KILN_APP_EMBEDDED_H
#define KILN_APP_EMBEDDED_H

#include "auth/auth.h"

struct embedded;

struct embedded_options {
	const char *address;   /* where the server listens, "127.0.0.1:8080", "[::]:80" */
	const char *data_path; /* absolute; shared with the worker */
	unsigned slots;        /* builds at once */
	bool no_emulation;
	const char *const *insecure; /* --insecure-registry, NULL-terminated; may be NULL */
};
/* Starts it, and starts it again whenever it ends, with a token of its own. */
struct err *embedded_open(struct auth *auth, const struct embedded_options *o,
			  struct embedded **out);
/* "HOST:PORT" that the worker reaches such an address by. The caller frees it. */
char *embedded_host(const char *address);
/* Ends the worker and its builds at once; the server gives them to the next one. */
void embedded_free(struct embedded *e);
OWN_DECLARE(embedded);

#endif

/* What a person or a script sees of a build: a live view on a terminal, plain lines elsewhere, or
 * JSON lines. */
#ifndef KILN_APP_PROGRESS_H
#define KILN_APP_PROGRESS_H

#include "executor/executor.h"

struct progress;

/* `mode` is auto, tty, plain or json; auto is tty when standard error is a terminal. Writes to
 * standard error; JSON to standard output. */
struct progress *progress_open(const char *mode);
void progress_free(struct progress *p);
OWN_DECLARE(progress);
/* For executor_options; `arg` is the progress. */
void progress_event(void *arg, const struct executor_event *e);
/* One line of text beside the steps ("pushing 127.0.0.1:8080/hello:main"). */
void progress_note(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Ends the view: what stays is the summary. `failed` may be NULL. */
void progress_finish(struct progress *p, const struct executor_result *r, const struct err *failed);

#endif

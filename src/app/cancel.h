/* ^C and SIGTERM as an eventfd: what a long command watches. */
#ifndef KILN_APP_CANCEL_H
#define KILN_APP_CANCEL_H

#include "base/err.h"

/* Until cancel_watch(): SIGINT, SIGTERM and SIGHUP end the program with 130, but for those that
 * were ignored when it was started. */
void cancel_at_once(void);
/* Blocks SIGINT, SIGTERM and SIGHUP and starts a thread that turns the first of them into a
 * readable `*fd`; lasts to the end of the program, which it brings about on the second signal or
 * six seconds after the first. Call behind sandbox_enter(). */
struct err *cancel_watch(int *fd);
/* From now on ^C is for the program in the terminal, not for us. */
void cancel_ignore_interrupts(void);
/* For registry_client_options: `arg` points to the descriptor. */
bool cancel_asked(void *arg);

#endif

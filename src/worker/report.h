/* What a builder tells its worker: events of docs/WORKER.md, one JSON object per line. */
#ifndef KILN_WORKER_REPORT_H
#define KILN_WORKER_REPORT_H

#include "executor/executor.h"

#define REPORT_LINE_BYTES ((size_t)16 << 10) /* of output; longer lines go on in the next */

struct worker_report;

/* Writes to `out_fd` (borrowed). `first_step` is the number before the first step's. */
struct worker_report *worker_report_open(int out_fd, uint32_t first_step,
					 const struct oci_platform *platforms, size_t n);
void worker_report_free(struct worker_report *r);
OWN_DECLARE(worker_report);

/* For executor_options; `arg` is the report. */
void worker_report_event(void *arg, const struct executor_event *e);

/* What became of a platform; the first end counts. */
void worker_report_pushing(struct worker_report *r, const struct oci_platform *p);
void worker_report_done(struct worker_report *r, const struct oci_platform *p,
			const struct oci_descriptor *manifest);
void worker_report_failed(struct worker_report *r, const struct oci_platform *p, const char *code,
			  const char *remedy, const char *text);
void worker_report_canceled(struct worker_report *r, const struct oci_platform *p);

/* The member "error" of an event, behind another one; `remedy` may be NULL. */
void worker_report_add_error(struct buf *b, const char *code, const char *remedy, const char *text);

#endif

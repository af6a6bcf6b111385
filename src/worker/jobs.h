/* DATA/jobs: a directory with the build context for each build that runs. Its builder has it
 * locked; what nobody has locked was left by one that was killed. Several workers may share DATA.
 */
#ifndef KILN_WORKER_JOBS_H
#define KILN_WORKER_JOBS_H

#include "base/err.h"

/* A new empty directory for the lease, locked as long as `*fd` or a copy of it is open. */
struct err *worker_jobs_make(int data_fd, const char *lease_id, int *fd);
/* Removes what was left; `*n` directories. Absent is success. */
struct err *worker_jobs_sweep(const char *data_path, size_t *n);

#endif

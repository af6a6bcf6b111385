/* kiln build-job: a builder, started by a worker for one lease. */
#ifndef KILN_APP_JOB_COMMAND_H
#define KILN_APP_JOB_COMMAND_H

/* Reads the job from standard input (one JSON object: "lease" as in docs/WORKER.md, "data",
 * "server", "token", "embedded", "insecure", "contextFd"), the context from that descriptor as tar,
 * and writes events to standard output, one JSON object per line. Returns the exit code: 0 once
 * each of the lease's jobs has ended. */
int job_command(void);

#endif

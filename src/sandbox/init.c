/* Process 1 of a step's PID namespace: "init PIDFILE PROGRAM ARGUMENT…" starts PROGRAM ("crun run
 * --detach"), which leaves the step's first process behind and its number in PIDFILE. Passes
 * signals on to that process, reaps what else ends, and exits as it does; the kernel then kills the
 * rest. When PROGRAM is not successful, exits as that did.
 *
 * crun itself cannot be process 1: it waits for all that a step left behind. Nor can the step's
 * first process: it would have no default signal actions.
 *
 * Without the C library: it starts in a tenth of a millisecond, and a few kilobytes lie in kiln. */
#include <stddef.h>
#include <stdint.h>

#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/wait.h>

#if defined(__x86_64__)
static long call(long n, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = 0;
	__asm__ volatile("syscall"
			 : "+a"(n)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return n;
}
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call init_main\n");
#elif defined(__aarch64__)
static long call(long n, long a, long b, long c, long d)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = 0;
	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}
__asm__(".globl _start\n_start: mov x0, sp\n bl init_main\n");
#else
#error "init.c has no system call for this architecture yet"
#endif

enum { SIGSET_BYTES = 8, AT_CWD = -100, READ_ONLY = 0, CANNOT_START = 127 };

static _Noreturn void leave(int code)
{
	for (;;)
		call(__NR_exit_group, code, 0, 0, 0);
}

static int code_of(int status)
{
	int signo = status & 0x7f;
	return signo ? 128 + signo : status >> 8 & 0xff;
}

/* Reaps `which` (-1: any process) as long as something has ended. The code of `wanted` once that
 * has, -1 before. */
static int reap(long which, long wanted)
{
	for (;;) {
		int status;
		long pid = call(__NR_wait4, which, (long)&status, WNOHANG, 0);
		if (pid == wanted)
			return code_of(status);
		if (pid <= 0)
			return -1;
	}
}

static long read_pid(const char *path)
{
	char text[16];
	long fd = call(__NR_openat, AT_CWD, (long)path, READ_ONLY, 0), pid = 0;
	long n = fd < 0 ? 0 : call(__NR_read, fd, (long)text, sizeof(text), 0);
	for (long i = 0; i < n && text[i] >= '0' && text[i] <= '9'; i++)
		pid = pid * 10 + text[i] - '0';
	call(__NR_close, fd, 0, 0, 0);
	return pid;
}

/* Waits for the end of `child`, signals passed on to it. */
static int follow(long which, long child)
{
	uint64_t all = ~(uint64_t)0;
	for (;;) {
		int code = reap(which, child);
		if (code >= 0)
			return code;
		long signo = call(__NR_rt_sigtimedwait, (long)&all, 0, 0, SIGSET_BYTES);
		if (signo > 0 && signo != SIGCHLD)
			call(__NR_kill, child, signo, 0, 0);
	}
}

/* `stack` is as the kernel leaves it: the number of arguments, they, NULL, the environment. */
__attribute__((used)) _Noreturn void init_main(long *stack);
void init_main(long *stack)
{
	char **argv = (char **)(stack + 1), **env = argv + stack[0] + 1;
	uint64_t all = ~(uint64_t)0, before = 0;
	call(__NR_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&before, SIGSET_BYTES);
	long child = call(__NR_clone, SIGCHLD, 0, 0, 0);
	if (child == 0) {
		call(__NR_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, SIGSET_BYTES);
		call(__NR_execve, (long)argv[2], (long)(argv + 2), (long)env, 0);
		leave(CANNOT_START);
	}
	/* Only crun yet: the step may have ended before its number is known. */
	int code = child < 0 ? CANNOT_START : follow(child, child);
	if (code)
		leave(code);
	long step = read_pid(argv[1]);
	leave(step > 0 ? follow(-1, step) : CANNOT_START);
}

/* The least that libmicrohttpd can do: one prepared answer to every request. The yardstick for
 * `kiln serve`.
 *
 *     bare_mhd PORT FILE ["Name: value"]...
 *
 * cc -O2 -o bare_mhd bare_mhd.c -lmicrohttpd */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct MHD_Response *answer;

static enum MHD_Result handle(void *arg, struct MHD_Connection *conn, const char *url,
			      const char *method, const char *version, const char *data,
			      size_t *size, void **context)
{
	if (!*context) { /* an answer at the first call would end the connection */
		*context = &answer;
		return MHD_YES;
	}
	return MHD_queue_response(conn, 200, answer);
}

static struct MHD_Response *answer_of(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(path);
		exit(1);
	}
	char *p = malloc((size_t)st.st_size);
	if (!p || read(fd, p, (size_t)st.st_size) != st.st_size)
		exit(1);
	close(fd);
	return MHD_create_response_from_buffer((size_t)st.st_size, p, MHD_RESPMEM_MUST_FREE);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: bare_mhd PORT FILE [\"Name: value\"]...\n");
		return 2;
	}
	answer = answer_of(argv[2]);
	for (int i = 3; i < argc; i++) {
		char *colon = strstr(argv[i], ": ");
		if (!colon)
			continue;
		*colon = '\0';
		MHD_add_response_header(answer, argv[i], colon + 2);
	}
	cpu_set_t set;
	sched_getaffinity(0, sizeof(set), &set);
	unsigned threads = CPU_COUNT(&set) > 2 ? (unsigned)CPU_COUNT(&set) : 2;
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)atoi(argv[1])),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct MHD_Daemon *d = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, handle, NULL, MHD_OPTION_SOCK_ADDR,
		&sa, MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT, 8192u,
		MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024u, MHD_OPTION_END);
	if (!d)
		return 1;
	pause();
	return 0;
}

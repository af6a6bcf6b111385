/* A client for tests that sends what it is told to, byte by byte, and reads whole answers. */
#ifndef KILN_HTTP_RAW_TEST_H
#define KILN_HTTP_RAW_TEST_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "base/test.h"

struct raw_answer {
	int status; /* 0: the connection ended without one */
	char *head; /* owned; from the status line to the empty line */
	char *body; /* owned, NUL-terminated */
	size_t len;
	bool closed; /* the connection ended before the body was whole */
};

static inline void raw_answer_done(struct raw_answer *a)
{
	free(a->head);
	free(a->body);
}

/* `address` is "127.0.0.1:PORT". */
static inline int raw_connect(const char *address)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT(connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

/* False once the peer is gone. */
static inline bool raw_send(int fd, const void *p, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = send(fd, (const char *)p + at, len - at, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

static inline bool raw_say(int fd, const char *text)
{
	return raw_send(fd, text, strlen(text));
}

/* The value of a header, "" if absent; until the next call in this thread. */
static inline const char *raw_header(const struct raw_answer *a, const char *name)
{
	static _Thread_local char value[1024];
	size_t len = strlen(name);
	value[0] = '\0';
	for (const char *line = a->head; line && *line; line = strchr(line, '\n') + 1) {
		if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
			(void)snprintf(value, sizeof(value), "%.*s",
				       (int)strcspn(line + len + 2, "\r"), line + len + 2);
			return value;
		}
	}
	return value;
}

/* Reads one answer; `no_body` after HEAD. */
static inline struct raw_answer raw_read(int fd, bool no_body)
{
	struct raw_answer a = { .head = mem_zalloc(16 << 10) };
	size_t n = 0;
	while (n < (16 << 10) - 1 && (n < 4 || memcmp(a.head + n - 4, "\r\n\r\n", 4) != 0)) {
		if (recv(fd, a.head + n, 1, 0) != 1) {
			a.closed = true;
			return a;
		}
		n++;
	}
	a.status = atoi(a.head + 9);
	a.len = no_body ? 0 : (size_t)atoll(raw_header(&a, "Content-Length"));
	a.body = mem_zalloc(a.len + 1);
	for (size_t at = 0; at < a.len;) {
		ssize_t got = recv(fd, a.body + at, a.len - at, 0);
		if (got <= 0) {
			a.closed = true;
			a.len = at;
			break;
		}
		at += (size_t)got;
	}
	return a;
}

/* One request on a connection of its own: `head` is all up to and with the empty line. */
static inline struct raw_answer raw_ask(const char *address, const char *head, const void *body,
					size_t len)
{
	own_fd fd = raw_connect(address);
	(void)raw_say(fd, head);
	(void)raw_send(fd, body, len);
	return raw_read(fd, strncmp(head, "HEAD", 4) == 0);
}

#endif

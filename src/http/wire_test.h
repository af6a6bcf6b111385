/* A server for tests that says what it is told to, byte by byte: one thread, one connection at a
 * time. */
#ifndef KILN_HTTP_WIRE_TEST_H
#define KILN_HTTP_WIRE_TEST_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"
#include "base/thread.h"

#define WIRE_HEAD_BYTES 8192

struct wire;
/* Answers one request; `head` is its text up to the empty line. False closes the connection. */
typedef bool wire_serve(struct wire *w, int fd, const char *head);

struct wire {
	wire_serve *serve;
	void *arg;
	uint16_t port;
	int listen_fd;
	pthread_t thread;
	struct mutex lock; /* guards all below */
	int n_connections, n_requests;
	char log[64 << 10]; /* heads of all requests */
	size_t log_len;
	uint64_t body_bytes;
};

/* Sends text; false once the peer is gone. */
static inline bool wire_say(int fd, const char *text)
{
	size_t len = strlen(text);
	for (size_t at = 0; at < len;) {
		ssize_t n = send(fd, text + at, len - at, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		at += (size_t)n;
	}
	return true;
}

/* An answer with Content-Length, after which the connection stays. */
static inline bool wire_answer(int fd, const char *status, const char *fields, const char *body)
{
	own_mem char *text =
		mem_printf("HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n%s", status,
			   body ? strlen(body) : 0, fields ? fields : "", body ? body : "");
	return wire_say(fd, text);
}

static inline bool wire_read_head(int fd, char head[static WIRE_HEAD_BYTES])
{
	size_t n = 0;
	while (n < WIRE_HEAD_BYTES - 1 && recv(fd, head + n, 1, 0) == 1) {
		if (n == 0 && head[0] == 0x16) /* a TLS hello: as Go's server answers it */
			wire_say(fd, "HTTP/1.0 400 Bad Request\r\n\r\nNo TLS here.\n");
		if (n == 0 && head[0] == 0x16)
			return false;
		head[++n] = '\0';
		if (n >= 4 && memcmp(head + n - 4, "\r\n\r\n", 4) == 0)
			return true;
	}
	return false;
}

/* Reads and counts the body that Content-Length announces. */
static inline void wire_read_body(struct wire *w, int fd, const char *head)
{
	const char *at = strcasestr(head, "\r\ncontent-length:");
	size_t left = at ? strtoull(at + 17, NULL, 10) : 0;
	while (left) {
		char piece[16384];
		ssize_t n = recv(fd, piece, MIN(left, sizeof(piece)), 0);
		if (n <= 0)
			return;
		left -= (size_t)n;
		hold(&w->lock);
		w->body_bytes += (uint64_t)n;
	}
}

static inline void wire_note(struct wire *w, const char *head)
{
	hold(&w->lock);
	w->n_requests++;
	size_t len = MIN(strlen(head), sizeof(w->log) - 1 - w->log_len);
	memcpy(w->log + w->log_len, head, len);
	w->log_len += len;
	w->log[w->log_len] = '\0';
}

static inline size_t wire_requests(struct wire *w)
{
	hold(&w->lock);
	return (size_t)w->n_requests;
}

static inline size_t wire_connections(struct wire *w)
{
	hold(&w->lock);
	return (size_t)w->n_connections;
}

static inline uint64_t wire_body_bytes(struct wire *w)
{
	hold(&w->lock);
	return w->body_bytes;
}

static inline void *wire_run(void *arg)
{
	struct wire *w = arg;
	char head[WIRE_HEAD_BYTES];
	for (int fd; (fd = accept4(w->listen_fd, NULL, NULL, SOCK_CLOEXEC)) >= 0; close(fd)) {
		mutex_lock(&w->lock);
		w->n_connections++;
		mutex_unlock(&w->lock);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 10 },
			   sizeof(struct timeval));
		do {
			if (!wire_read_head(fd, head))
				break;
			wire_note(w, head);
			wire_read_body(w, fd, head);
		} while (w->serve(w, fd, head));
	}
	return NULL;
}

static inline void wire_start(struct wire *w, wire_serve *serve, void *arg)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	memset(w, 0, sizeof(*w));
	w->serve = serve;
	w->arg = arg;
	mutex_init(&w->lock);
	w->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT(bind(w->listen_fd, (struct sockaddr *)&at, len) == 0);
	EXPECT(listen(w->listen_fd, 16) == 0);
	EXPECT(getsockname(w->listen_fd, (struct sockaddr *)&at, &len) == 0);
	w->port = ntohs(at.sin_port);
	EXPECT_OK(thread_start(&w->thread, "wire", wire_run, w));
}

/* Call it when no client keeps a connection. */
static inline void wire_stop(struct wire *w)
{
	shutdown(w->listen_fd, SHUT_RDWR);
	pthread_join(w->thread, NULL);
	close(w->listen_fd);
}

static inline bool wire_was_told(struct wire *w, const char *part)
{
	hold(&w->lock);
	return strstr(w->log, part) != NULL;
}

#endif

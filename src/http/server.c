#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "http/server_priv.h"

#define REAP_EVERY_MS  1000
#define WINDOW_MS      30000
#define CUT_OFF_MS     10000 /* for connections to end once their sockets are shut down */
#define LISTEN_BACKLOG 1024
#define TLS_HANDSHAKE  0x16 /* the first byte of a TLS connection, RFC 8446 section 5.1 */

/* ---- connections ---- */

static void link_add(struct http_server *s, struct link *l)
{
	hold(&s->lock);
	l->next = s->links;
	if (l->next)
		l->next->prev = l;
	s->links = l;
	if (s->stopping)
		shutdown(l->fd, SHUT_RDWR);
}

static void link_remove(struct http_server *s, struct link *l)
{
	hold(&s->lock);
	if (l->prev)
		l->prev->next = l->next;
	else
		s->links = l->next;
	if (l->next)
		l->next->prev = l->prev;
	cond_broadcast(&s->wake);
}

/* A TLS client hello is answered here: libmicrohttpd ends a connection without a word when the
 * first line has no blank, and clients that fall back to plain HTTP want to be told. */
static void refuse_tls(int fd)
{
	static const char answer[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
				     "Content-Length: 38\r\nConnection: close\r\n\r\n"
				     "this port speaks plain HTTP, not TLS.\n";
	char hello[4096];
	if (recv(fd, hello, 1, MSG_PEEK | MSG_DONTWAIT) != 1 || hello[0] != TLS_HANDSHAKE)
		return;
	/* What stays unread at the close would reset the connection and take the answer with it. */
	while (recv(fd, hello, sizeof(hello), MSG_DONTWAIT) > 0)
		;
	(void)!send(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_RDWR);
}

static void on_connection(void *arg, struct MHD_Connection *conn, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http_server *s = arg;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		struct link *l = mem_new(struct link);
		l->fd = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD)
				->connect_fd;
		l->idle_since_ms = time_mono_ms();
		refuse_tls(l->fd);
		link_add(s, l);
		*context = l;
	} else if (*context) {
		link_remove(s, *context);
		free(*context);
		*context = NULL;
	}
}

/* ---- the reaper: what libmicrohttpd's silence timeout does not see ---- */

static bool too_slow(struct link *l, uint64_t now)
{
	uint64_t bytes = atomic_load(&l->body_bytes);
	if (!atomic_load(&l->in_body)) {
		l->window_since_ms = 0;
		return false;
	}
	if (!l->window_since_ms) {
		l->window_since_ms = now;
		l->window_bytes = bytes;
		return false;
	}
	if (now - l->window_since_ms < WINDOW_MS)
		return false;
	bool slow = bytes - l->window_bytes < HTTP_BODY_LEAST_RATE * (WINDOW_MS / 1000);
	l->window_since_ms = now;
	l->window_bytes = bytes;
	return slow;
}

/* libmicrohttpd waits for an edge that does not come when the last bytes and the end of the
 * connection arrive together in the middle of a body. */
static bool abandoned(struct link *l)
{
	int unread = 0;
	struct pollfd p = { .fd = l->fd, .events = POLLRDHUP };
	uint64_t bytes = atomic_load(&l->body_bytes);
	bool before = l->hung_up && l->hung_up_bytes == bytes;
	l->hung_up = atomic_load(&l->in_body) && poll(&p, 1, 0) == 1 &&
		     ioctl(l->fd, FIONREAD, &unread) == 0 && !unread;
	l->hung_up_bytes = bytes;
	return l->hung_up && before;
}

static void reap_locked(struct http_server *s, uint64_t now)
{
	mutex_assert_held(&s->lock);
	for (struct link *l = s->links; l; l = l->next) {
		uint64_t since = atomic_load(&l->idle_since_ms);
		bool idle = since && now > since && now - since > s->o.idle_s * 1000ull;
		if (idle || too_slow(l, now) || abandoned(l))
			shutdown(l->fd, SHUT_RDWR);
		http_stream_look_locked(s, l, now);
	}
}

static void *reaper_run(void *arg)
{
	struct http_server *s = arg;
	hold(&s->lock);
	while (!s->stopping) {
		uint64_t now = time_mono_ms();
		reap_locked(s, now);
		while (!s->stopping && cond_wait_until(&s->wake, &s->lock, now + REAP_EVERY_MS))
			; /* connections that close wake us too */
	}
	return NULL;
}

/* ---- start ---- */

static struct err *split_address(struct str listen, char **host, char **port)
{
	ptrdiff_t colon = str_rchr(listen, ':');
	uint64_t number;
	if (colon < 0 || !str_to_u64(str_skip(listen, (size_t)colon + 1), 65535, &number))
		return err_new(ERR_INVALID, "\"" STR_FMT "\" is not HOST:PORT", STR_ARG(listen));
	struct str h = str_first(listen, (size_t)colon);
	if (h.len > 2 && h.p[0] == '[' && h.p[h.len - 1] == ']')
		h = str_n(h.p + 1, h.len - 2);
	else if (str_chr(h, ':') >= 0)
		return err_new(ERR_INVALID, "\"" STR_FMT "\": an IPv6 address needs brackets",
			       STR_ARG(listen));
	*host = h.len ? str_dup(h) : NULL;
	*port = mem_printf("%u", (unsigned)number);
	return NULL;
}

struct err *http_server_check_listen(const char *listen)
{
	own_mem char *host = NULL, *port = NULL;
	return split_address(str_of(listen), &host, &port);
}

static int bind_one(const struct addrinfo *a)
{
	int one = 1, zero = 0;
	own_fd fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* Connections come with their first bytes, or after a second without. */
	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof(one));
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return -1;
	return fd_move(&fd);
}

static void name_address(struct http_server *s)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	char host[64] = "?", port[8] = "?";
	if (getsockname(s->listen_fd, (struct sockaddr *)&sa, &len) == 0)
		getnameinfo((struct sockaddr *)&sa, len, host, sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV);
	bool brackets = sa.ss_family == AF_INET6;
	snprintf(s->address, sizeof(s->address), brackets ? "[%s]:%s" : "%s:%s", host, port);
}

static struct err *bind_address(struct http_server *s)
{
	own_mem char *host = NULL, *port = NULL;
	TRY(split_address(str_of(s->o.listen), &host, &port));
	struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM }, *list;
	int r = getaddrinfo(host, port, &hints, &list);
	if (r)
		return err_new(ERR_INVALID, "listen on %s: %s", s->o.listen, gai_strerror(r));
	for (struct addrinfo *a = list; a && s->listen_fd < 0; a = a->ai_next)
		s->listen_fd = bind_one(a);
	int errnum = errno;
	freeaddrinfo(list);
	if (s->listen_fd >= 0) {
		name_address(s);
		return NULL;
	}
	if (errnum == EADDRINUSE)
		return err_new(ERR_UNAVAILABLE, "listen on %s: another program does already",
			       s->o.listen);
	if (errnum == EADDRNOTAVAIL)
		return err_new(ERR_INVALID, "listen on %s: this machine does not have that address",
			       s->o.listen);
	return err_from_errno(errnum, "listen on %s", s->o.listen);
}

/* Targets stay as they came. */
static size_t keep_escapes(void *arg, struct MHD_Connection *conn, char *text)
{
	return strlen(text);
}

static struct err *start_daemon(struct http_server *s)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
	s->daemon =
		MHD_start_daemon(flags, 0, NULL, NULL, http_exchange_step, s, /**/
				 MHD_OPTION_LISTEN_SOCKET, s->listen_fd,      /**/
				 MHD_OPTION_THREAD_POOL_SIZE, s->o.n_threads, /**/
				 MHD_OPTION_CONNECTION_LIMIT, s->o.max_connections,
				 MHD_OPTION_CONNECTION_TIMEOUT, s->o.idle_s,          /**/
				 MHD_OPTION_STRICT_FOR_CLIENT, 1,                     /**/
				 MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,    /**/
				 MHD_OPTION_URI_LOG_CALLBACK, http_exchange_begin, s, /**/
				 MHD_OPTION_NOTIFY_COMPLETED, http_exchange_end, s,   /**/
				 MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_END);
	if (!s->daemon)
		return err_new(ERR_UNAVAILABLE, "start the threads of the HTTP server");
	s->accept_fd = s->listen_fd;
	s->listen_fd = -1;
	return NULL;
}

static void set_defaults(struct http_server_options *o)
{
	if (!o->n_threads)
		o->n_threads = MAX(2u, thread_cpu_count());
	if (!o->max_connections)
		o->max_connections = 8192;
	if (!o->idle_s)
		o->idle_s = 60;
}

struct err *http_server_open(const struct http_server_options *o, struct http_server **out)
{
	own(http_server) s = mem_new(struct http_server);
	s->o = *o;
	s->listen_fd = -1;
	set_defaults(&s->o);
	mutex_init(&s->lock);
	cond_init(&s->wake);
	TRY(bind_address(s));
	TRY(start_daemon(s));
	TRY(thread_start(&s->reaper, "http-reaper", reaper_run, s));
	s->reaper_runs = true;
	*out = move(s);
	return NULL;
}

const char *http_server_address(const struct http_server *s)
{
	return s->address;
}

/* ---- stop ---- */

static bool any_busy_locked(struct http_server *s)
{
	mutex_assert_held(&s->lock);
	for (struct link *l = s->links; l; l = l->next)
		if (!atomic_load(&l->idle_since_ms))
			return true;
	return false;
}

static void wait_for_requests(struct http_server *s, uint64_t grace_ms)
{
	uint64_t end = time_mono_ms() + grace_ms;
	hold(&s->lock);
	for (uint64_t now; any_busy_locked(s) && (now = time_mono_ms()) < end;)
		cond_wait_until(&s->wake, &s->lock, MIN(now + 10, end));
}

/* Every connection ends: idle ones at once, suspended ones when their job is through. */
static void cut_off(struct http_server *s)
{
	uint64_t end = time_mono_ms() + CUT_OFF_MS;
	http_stream_end_all(s, true);
	hold(&s->lock);
	s->stopping = true;
	cond_broadcast(&s->wake);
	for (struct link *l = s->links; l; l = l->next)
		shutdown(l->fd, SHUT_RDWR);
	while (s->links && (atomic_load(&s->n_jobs) || time_mono_ms() < end))
		cond_wait_until(&s->wake, &s->lock, time_mono_ms() + 10);
}

static void wait_for_jobs(struct http_server *s)
{
	while (atomic_load(&s->n_jobs)) {
		hold(&s->lock);
		cond_wait_until(&s->wake, &s->lock, time_mono_ms() + 5);
	}
}

/* Puts a socket that nobody can connect to in the place of the one that listens, which closes that
 * and takes it out of all epoll sets. MHD_quiesce_daemon() ends the program when one of its threads
 * comes by at that moment. */
static void stop_accepting(struct http_server *s)
{
	own_fd none = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (none < 0 || dup3(none, s->accept_fd, O_CLOEXEC) < 0)
		shutdown(s->accept_fd, SHUT_RD);
}

void http_server_stop(struct http_server *s, uint64_t grace_ms)
{
	if (s->stopped)
		return;
	s->stopped = true;
	if (s->daemon) {
		stop_accepting(s);
		http_stream_end_all(s, false);
		wait_for_requests(s, grace_ms);
	}
	cut_off(s);
	wait_for_jobs(s);
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	if (s->reaper_runs)
		pthread_join(s->reaper, NULL);
	wait_for_jobs(s); /* that closing connections gave rise to */
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	http_server_stop(s, 0);
	fd_close_own(&s->listen_fd);
	cond_done(&s->wake);
	mutex_done(&s->lock);
	free(s);
}

#include "codec/io.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void reader_free(struct reader *r)
{
	if (r)
		r->free(r);
}

struct err *reader_full(struct reader *r, void *p, size_t len, size_t *got)
{
	size_t n = 0;
	while (n < len) {
		size_t more;
		TRY(r->read(r, (char *)p + n, len - n, &more));
		if (!more)
			break;
		n += more;
	}
	*got = n;
	return NULL;
}

struct fd_reader {
	struct reader base;
	int fd; /* borrowed */
};

static struct err *fd_read(struct reader *r, void *p, size_t len, size_t *got)
{
	struct fd_reader *f = container_of(r, struct fd_reader, base);
	ssize_t n;
	do {
		n = read(f->fd, p, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_from_errno(errno, "read");
	*got = (size_t)n;
	return NULL;
}

static void fd_free(struct reader *r)
{
	free(container_of(r, struct fd_reader, base));
}

struct reader *reader_fd(int fd)
{
	struct fd_reader *f = mem_new(struct fd_reader);
	*f = (struct fd_reader){ .base = { .read = fd_read, .free = fd_free }, .fd = fd };
	return &f->base;
}

struct mem_reader {
	struct reader base;
	struct str left; /* borrowed */
};

static struct err *mem_read(struct reader *r, void *p, size_t len, size_t *got)
{
	struct mem_reader *m = container_of(r, struct mem_reader, base);
	size_t n = MIN(len, m->left.len);
	if (n)
		memcpy(p, m->left.p, n);
	m->left = str_skip(m->left, n);
	*got = n;
	return NULL;
}

static void mem_free(struct reader *r)
{
	free(container_of(r, struct mem_reader, base));
}

struct reader *reader_mem(struct str s)
{
	struct mem_reader *m = mem_new(struct mem_reader);
	*m = (struct mem_reader){ .base = { .read = mem_read, .free = mem_free }, .left = s };
	return &m->base;
}

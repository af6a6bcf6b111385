#include "catalog/catalog_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

struct err *catalog_generation_open(int data_fd, struct catalog_generation *g)
{
	own_fd fd = fd_open_nofollow(data_fd, "generation", O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		return err_from_errno(errno, "open generation");
	/* allocated now: a full disk must not be met at a store to memory */
	int number = posix_fallocate(fd, 0, sizeof(*g->shared));
	if (number)
		return err_from_errno(number, "allocate generation");
	void *p = mmap(NULL, sizeof(*g->shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_from_errno(errno, "map generation");
	g->shared = p;
	return NULL;
}

void catalog_generation_done(struct catalog_generation *g)
{
	if (g->shared)
		munmap(g->shared, sizeof(*g->shared));
	g->shared = NULL;
}

bool catalog_generation_is_odd(const struct catalog_generation *g)
{
	return __atomic_load_n(g->shared, __ATOMIC_ACQUIRE) & 1;
}

uint64_t catalog_generation_get(const struct catalog_generation *g)
{
	uint64_t now = __atomic_load_n(g->shared, __ATOMIC_ACQUIRE);
	return now & 1 ? __atomic_add_fetch(g->shared, 2, __ATOMIC_ACQ_REL) : now;
}

void catalog_generation_enter(struct catalog_generation *g)
{
	__atomic_fetch_or(g->shared, 1, __ATOMIC_ACQ_REL);
}

/* The write lock is free again by now, so another writer may have entered or left. */
void catalog_generation_leave(struct catalog_generation *g)
{
	uint64_t now = __atomic_load_n(g->shared, __ATOMIC_ACQUIRE);
	while (!__atomic_compare_exchange_n(g->shared, &now, (now | 1) + 1, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_ACQUIRE))
		;
}

#include "base/lazy.h"

#include <dlfcn.h>
#include <pthread.h>

static struct err *load(struct lazy_library *l)
{
	void *library = dlopen(l->file, RTLD_NOW | RTLD_LOCAL), **calls = l->calls;
	if (!library)
		return err_new(ERR_NOT_FOUND, "load %s: %s", l->file, dlerror());
	for (size_t i = 0; i < l->n; i++) {
		calls[i] = dlsym(library, l->names[i]);
		if (!calls[i])
			return err_new(ERR_NOT_FOUND, "%s has no %s", l->file, l->names[i]);
	}
	return NULL;
}

struct err *lazy_load(struct lazy_library *l)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
	if (__atomic_load_n(&l->loaded, __ATOMIC_ACQUIRE))
		return NULL;
	pthread_mutex_lock(&one_at_a_time);
	struct err *e = l->loaded ? NULL : load(l);
	if (!e)
		__atomic_store_n(&l->loaded, true, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&one_at_a_time);
	return e;
}

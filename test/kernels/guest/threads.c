// SPDX-License-Identifier: Apache-2.0
/* Threads that burn CPU time, sleep, contend for a lock or wait for work. */
#define _GNU_SOURCE
#include "tasks.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

static void burn(void)
{
	while (now() < deadline)
		;
}

static void *burn_on_cpu_0(void *argument)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	burn();
	return argument;
}

static void share_a_cpu(void)
{
	in_threads(2, burn_on_cpu_0, NULL);
}

static void sleep_once(void)
{
	BLOCKED(pause_for(deadline - now()));
}

static void *take_turns(void *argument)
{
	pthread_mutex_t *lock = argument;

	while (now() < deadline) {
		BLOCKED(pthread_mutex_lock(lock));
		for (double until = now() + 0.02; now() < until;)
			;
		pthread_mutex_unlock(lock);
		sched_yield();
	}
	return NULL;
}

static void contend(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	in_threads(3, take_turns, &lock);
}

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work;
};

static void *await_work(void *argument)
{
	struct pool *pool = argument;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)((deadline - now()) * 1e9);
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&pool->lock);
	BLOCKED(pthread_cond_timedwait(&pool->work, &pool->lock, &until));
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void park(void)
{
	static struct pool pool = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER };

	in_threads(4, await_work, &pool);
}

/* Touches ever more memory, so that a limit holds it up. */
static void fill_memory(void)
{
	const size_t size = 512UL << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED || madvise(memory, size, MADV_NOHUGEPAGE))
		die("mmap");
	for (size_t offset = 0; now() < deadline && offset < size; offset += PAGE)
		BLOCKED(memory[offset] = 1);
}

/* clang-format off */
const struct kind thread_kinds[] = {
	{ "burn", NULL, burn },
	{ "share", NULL, share_a_cpu },
	{ "sleep", NULL, sleep_once },
	{ "contend", NULL, contend },
	{ "park", NULL, park },
	{ "fill", NULL, fill_memory },
	{ 0 },
};
/* clang-format on */

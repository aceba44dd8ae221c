/* lock: every request needs the only mutex of the process, whose holder sleeps. */
#include <pthread.h>
#include <stdio.h>

#include "clock.h"
#include "workload.h"

static int64_t hold_ns = 5 * NS_PER_MS;
static const struct flag flags[] = {
	{ "hold", "how long a request holds the mutex (5ms)", FLAG_DURATION, .number = &hold_ns },
	{ 0 },
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned long served;

static int work(struct worker *worker, char body[HTTP_BODY_SIZE])
{
	struct timespec hold = to_timespec(hold_ns);
	unsigned long turn;

	(void)worker;
	pthread_mutex_lock(&mutex);
	nanosleep(&hold, NULL);
	turn = ++served;
	pthread_mutex_unlock(&mutex);
	snprintf(body, HTTP_BODY_SIZE, "held the lock as number %lu", turn);
	return 200;
}

static _Noreturn void serve(int listener)
{
	serve_by_threads(listener, work);
}

const struct kind lock_kind = { "lock", "holds one mutex per request while it sleeps", flags, NULL, serve };

/*
 * contend HOGS WAKERS: threads that burn a CPU without a break, and threads that alternate between short sleeps and short
 * runs, both of random lengths.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>

#include "truth.h"

static void *hog(void *argument)
{
	(void)argument;
	burn_seconds(1e9);
	return NULL;
}

static void *waker(void *argument)
{
	unsigned seed = (uintptr_t)argument;

	for (;;) {
		sleep_seconds(0.005 * rand_r(&seed) / RAND_MAX);
		burn_seconds(0.001 * rand_r(&seed) / RAND_MAX);
	}
	return NULL;
}

static void start(void *(*live)(void *), int count)
{
	pthread_t thread;

	for (int i = 1; i <= count; i++)
		if (pthread_create(&thread, NULL, live, (void *)(uintptr_t)i))
			die("pthread_create");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	start(hog, atoi(argv[1]));
	start(waker, atoi(argv[2]));
	ready(getpid());
	for (;;)
		pause();
}

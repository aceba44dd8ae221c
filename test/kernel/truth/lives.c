/*
 * lives SECONDS SEED: threads of random lifetimes, each of which measures its own. Starts after a line on standard input;
 * the main thread then creates threads for SECONDS, waits until all have ended, prints the sum of their lifetimes and
 * waits for another line.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>

#include "truth.h"

enum { SLEEPERS = 3, MAX_ALIVE = 24 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static double lived;
static int alive;

struct life {
	double born, length;
	unsigned int seed;
};

static void live_a_little(unsigned int *seed)
{
	double length = (rand_r(seed) % 5000) * 1e-6;
	struct timespec until;

	switch (rand_r(seed) % 4) {
	case 0:
		burn_seconds(length / 10);
		break;
	case 1:
		sleep_seconds(length);
		break;
	case 2:
		sched_yield();
		break;
	default:
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 1000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_mutex_lock(&mutex);
		pthread_cond_timedwait(&work, &mutex, &until);
		pthread_mutex_unlock(&mutex);
	}
}

static void *live(void *argument)
{
	struct life life = *(struct life *)argument;

	reset_priority();
	free(argument);
	while (now_seconds() < life.born + life.length)
		live_a_little(&life.seed);
	raise_priority();
	pthread_mutex_lock(&mutex);
	lived += now_seconds() - life.born;
	alive--;
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void *sleep_through(void *argument)
{
	struct life life = *(struct life *)argument;

	free(argument); /* keeps its priority, to end in time */
	sleep_seconds(life.length);
	pthread_mutex_lock(&mutex);
	lived += now_seconds() - life.born;
	alive--;
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void start_thread(void *(*run)(void *), double length, unsigned int seed)
{
	struct life *life = malloc(sizeof(*life));
	pthread_t thread;

	pthread_mutex_lock(&mutex);
	alive++;
	pthread_mutex_unlock(&mutex);
	*life = (struct life){ .born = now_seconds(), .length = length, .seed = seed };
	if (pthread_create(&thread, NULL, run, life))
		die("pthread_create");
	pthread_detach(thread);
}

int main(int argc, char **argv)
{
	double seconds, end;
	unsigned int seed;

	if (argc != 3)
		return 2;
	seconds = atof(argv[1]);
	seed = atoi(argv[2]);
	raise_priority();
	ready(0);
	await_line();
	end = now_seconds() + seconds;
	for (int i = 0; i < SLEEPERS; i++)
		start_thread(sleep_through, seconds, 0);
	while (now_seconds() < end) {
		if (alive < MAX_ALIVE)
			start_thread(live, (rand_r(&seed) % 200) * 1e-3, rand_r(&seed));
		sleep_seconds((rand_r(&seed) % 20) * 1e-3);
	}
	while (alive > 0)
		sleep_seconds(0.005);
	printf("lived %.6f\n", lived);
	fflush(stdout);
	await_line();
	return 0;
}

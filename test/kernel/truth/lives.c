/*
 * lives SECONDS SEED: threads of random lives, each of which knows how long it lived. A line on standard input
 * starts it; then the main thread creates threads for SECONDS, lets them all end, prints the thread-seconds they
 * lived together and waits for another line.
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

	relax();
	free(argument);
	while (now_seconds() < life.born + life.length)
		live_a_little(&life.seed);
	hurry();
	pthread_mutex_lock(&mutex);
	lived += now_seconds() - life.born;
	alive--;
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void *sleep_through(void *argument)
{
	struct life life = *(struct life *)argument;

	free(argument); /* and stays in a hurry, to end in time */
	sleep_seconds(life.length);
	pthread_mutex_lock(&mutex);
	lived += now_seconds() - life.born;
	alive--;
	pthread_mutex_unlock(&mutex);
	return NULL;
}

static void give_birth(void *(*run)(void *), double length, unsigned int seed)
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
	hurry();
	ready(0);
	be_told();
	end = now_seconds() + seconds;
	for (int i = 0; i < SLEEPERS; i++)
		give_birth(sleep_through, seconds, 0);
	while (now_seconds() < end) {
		if (alive < MAX_ALIVE)
			give_birth(live, (rand_r(&seed) % 200) * 1e-3, rand_r(&seed));
		sleep_seconds((rand_r(&seed) % 20) * 1e-3);
	}
	while (alive > 0)
		sleep_seconds(0.005);
	printf("lived %.6f\n", lived);
	fflush(stdout);
	be_told();
	return 0;
}

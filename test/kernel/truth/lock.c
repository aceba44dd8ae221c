/*
 * lock mutex: four threads that all want one mutex; its holder computes.
 * lock condvar: four threads parked in a condition variable, as a pool without work is.
 * lock semaphore: the same with a semaphore nobody posts.
 */
#include <pthread.h>
#include <semaphore.h>

#include "truth.h"

enum { THREADS = 4 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static sem_t tickets;

__attribute__((noreturn)) static void *contend(void *unused)
{
	(void)unused;
	for (;;) {
		pthread_mutex_lock(&mutex);
		burn_seconds(0.001);
		pthread_mutex_unlock(&mutex);
	}
}

__attribute__((noreturn)) static void *park(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&mutex);
	for (;;)
		pthread_cond_wait(&work, &mutex);
}

__attribute__((noreturn)) static void *queue(void *unused)
{
	(void)unused;
	for (;;)
		sem_wait(&tickets);
}

int main(int argc, char **argv)
{
	void *(*run)(void *) = NULL;
	pthread_t thread;

	if (argc != 2)
		return 2;
	if (is_mode(argv[1], "mutex"))
		run = contend;
	else if (is_mode(argv[1], "condvar"))
		run = park;
	else if (is_mode(argv[1], "semaphore"))
		run = queue;
	if (!run)
		return 2;
	sem_init(&tickets, 0, 0);
	for (int i = 1; i < THREADS; i++)
		if (pthread_create(&thread, NULL, run, NULL))
			die("pthread_create");
	ready(0);
	run(NULL);
}

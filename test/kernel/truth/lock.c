/*
 * lock MODE: four threads that contend for a lock, or wait for work that never comes.
 *
 * mutex: all want one mutex, whose holder computes. stack-mutex: the same with a local variable of main.
 * pi: a mutex with priority inheritance. robust: one that survives its owner. rwlock: one writer, many readers.
 * semaphore-lock, sysv-lock: a semaphore used as a mutex; System V's with SEM_UNDO, as is usual for locks.
 * condvar, semaphore, sysv: a pool parked without work. condvar-again: the same after it has had work.
 * join: main waits for a thread that never ends.
 * exits: all start and join threads that end at once, and so contend for the lock of the address space.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#include "truth.h"

enum { THREADS = 4, JOBS = 3 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static pthread_t last;
static sem_t tickets;
static int sysv_set;
static int jobs, given;

__attribute__((noreturn)) static void *contend(void *contended)
{
	for (;;) {
		pthread_mutex_lock(contended);
		burn_seconds(0.001);
		pthread_mutex_unlock(contended);
	}
}

/* The first thread is a writer that holds the lock nearly all the time; the others read. */
__attribute__((noreturn)) static void *contend_for_rwlock(void *unused)
{
	static int started;
	bool writes = !__sync_fetch_and_add(&started, 1);

	(void)unused;
	for (;;) {
		if (writes)
			pthread_rwlock_wrlock(&rwlock);
		else
			pthread_rwlock_rdlock(&rwlock);
		if (writes)
			burn_seconds(0.005);
		pthread_rwlock_unlock(&rwlock);
	}
}

__attribute__((noreturn)) static void *contend_for_semaphore(void *unused)
{
	(void)unused;
	for (;;) {
		sem_wait(&tickets);
		burn_seconds(0.001);
		sem_post(&tickets);
	}
}

__attribute__((noreturn)) static void *contend_for_sysv(void *unused)
{
	struct sembuf take = { .sem_op = -1, .sem_flg = SEM_UNDO }, give = { .sem_op = 1, .sem_flg = SEM_UNDO };

	(void)unused;
	for (;;) {
		check(semop(sysv_set, &take, 1), "semop");
		burn_seconds(0.001);
		check(semop(sysv_set, &give, 1), "semop");
	}
}

/* In condvar-again main hands out work first, so that the condition variable's counters are no longer zero. */
__attribute__((noreturn)) static void *park(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&mutex);
	for (;;) {
		while (!jobs)
			pthread_cond_wait(&work, &mutex);
		jobs--;
	}
}

__attribute__((noreturn)) static void *queue(void *unused)
{
	(void)unused;
	for (;;)
		sem_wait(&tickets);
}

__attribute__((noreturn)) static void *queue_sysv(void *unused)
{
	struct sembuf take = { .sem_op = -1 };

	(void)unused;
	for (;;)
		check(semop(sysv_set, &take, 1), "semop");
}

__attribute__((noreturn)) static void *join(void *unused)
{
	static int started;

	(void)unused;
	if (__sync_fetch_and_add(&started, 1) == THREADS - 1)
		pthread_join(last, NULL);
	for (;;)
		pause();
}

static void *end_at_once(void *unused)
{
	return unused;
}

__attribute__((noreturn)) static void *start_and_join(void *unused)
{
	enum { STARTED = 8 };
	pthread_t started[STARTED];

	(void)unused;
	for (;;) {
		for (int i = 0; i < STARTED; i++)
			if (pthread_create(&started[i], NULL, end_at_once, NULL))
				die("pthread_create");
		for (int i = 0; i < STARTED; i++)
			pthread_join(started[i], NULL);
	}
}

static const struct {
	const char *name;
	void *(*run)(void *);
	int tickets;
} modes[] = {
	{ "mutex", contend, 0 },
	{ "stack-mutex", contend, 0 },
	{ "pi", contend, 0 },
	{ "robust", contend, 0 },
	{ "rwlock", contend_for_rwlock, 0 },
	{ "semaphore-lock", contend_for_semaphore, 1 },
	{ "sysv-lock", contend_for_sysv, 1 },
	{ "condvar", park, 0 },
	{ "condvar-again", park, 0 },
	{ "semaphore", queue, 0 },
	{ "sysv", queue_sysv, 0 },
	{ "join", join, 0 },
	{ "exits", start_and_join, 0 },
	{ NULL, NULL, 0 },
};

/* Creates the set in an IPC namespace of its own, which ends with its last process. */
static void make_sysv_set(int value)
{
	check(unshare(CLONE_NEWIPC), "unshare");
	sysv_set = check(semget(IPC_PRIVATE, 1, 0600), "semget");
	check(semctl(sysv_set, 0, SETVAL, value), "semctl");
}

static void make_mutex(pthread_mutex_t *made, const char *mode)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	if (is_mode(mode, "pi"))
		pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
	if (is_mode(mode, "robust"))
		pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	if (pthread_mutex_init(made, &attributes))
		die("pthread_mutex_init");
}

static void give_work(void)
{
	while (given < JOBS) {
		sleep_seconds(0.01);
		pthread_mutex_lock(&mutex);
		given++;
		jobs++;
		pthread_cond_signal(&work);
		pthread_mutex_unlock(&mutex);
	}
}

int main(int argc, char **argv)
{
	const char *mode = argc == 2 ? argv[1] : "";
	pthread_mutex_t local;
	void *argument = is_mode(mode, "stack-mutex") ? &local : &mutex;
	int i = 0;

	while (modes[i].name && !is_mode(mode, modes[i].name))
		i++;
	if (!modes[i].name)
		return 2;
	make_mutex(argument, mode);
	sem_init(&tickets, 0, modes[i].tickets);
	if (modes[i].run == contend_for_sysv || modes[i].run == queue_sysv)
		make_sysv_set(modes[i].tickets);
	for (int started = 1; started < THREADS; started++)
		if (pthread_create(&last, NULL, modes[i].run, argument))
			die("pthread_create");
	if (is_mode(mode, "condvar-again"))
		give_work();
	sleep_seconds(0.02); /* until the other threads run: main comes last */
	ready(0);
	modes[i].run(argument);
}

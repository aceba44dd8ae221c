/* Helpers of every truth workload: errors, readiness and time. */
#ifndef TRUTH_H
#define TRUTH_H

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *format, ...)
{
	va_list arguments;
	int error = errno;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(1);
}

static inline long check(long result, const char *what)
{
	if (result < 0)
		die("%s", what);
	return result;
}

/* The harness waits for this line; `detail` is a number it needs, such as a port. */
static inline void ready(long detail)
{
	printf("ready %ld\n", detail);
	fflush(stdout);
}

/* Waits for a line on standard input, or its end. */
static inline void await_line(void)
{
	int character;

	do
		character = getchar();
	while (character != EOF && character != '\n');
}

static inline double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

static inline void sleep_seconds(double seconds)
{
	struct timespec length = { .tv_sec = (time_t)seconds };

	length.tv_nsec = (long)((seconds - (double)length.tv_sec) * 1e9);
	nanosleep(&length, NULL);
}

static inline void burn_seconds(double seconds)
{
	double until = now_seconds() + seconds;

	while (now_seconds() < until)
		;
}

/*
 * Lets the thread run before all others, so that hardly any time passes between reading the clock and the next step even
 * on a busy machine. Some cgroups do not permit real-time scheduling.
 */
static inline void raise_priority(void)
{
	const struct sched_param first = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_FIFO, &first))
		setpriority(PRIO_PROCESS, 0, -20);
}

/* Undoes raise_priority(), also if inherited from the creator. */
static inline void reset_priority(void)
{
	const struct sched_param none = {};

	sched_setscheduler(0, SCHED_OTHER, &none);
	setpriority(PRIO_PROCESS, 0, 0);
}

static inline bool is_mode(const char *argument, const char *mode)
{
	return !strcmp(argument, mode);
}

#endif

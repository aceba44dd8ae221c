/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TASKS_H
#define TASKS_H

#include <sys/types.h>

/* Shared between the task and the process that reports on it. */
struct truth {
	double thread_seconds; /* from before a thread was made until after it was reaped */
	double inside_seconds; /* the same from its first instruction to its last */
	double blocked_seconds;
	long operations;
	long bytes;
};

struct kind {
	const char *name;
	pid_t (*prepare)(void); /* outside the cgroup; answers the peer's pid, if there is one */
	void (*run)(void);
};

/* Each ends with one that has no name. */
extern const struct kind thread_kinds[], file_kinds[], peer_kinds[], uring_kinds[];

extern struct truth *truth;
extern double deadline;

/* Seconds, monotonic. */
double now(void);
void pause_for(double seconds);
void add(double *total, double seconds);
void die(const char *what) __attribute__((noreturn));

/* Runs the body in `count` threads, the caller being one of them. */
void in_threads(int count, void *(*body)(void *), void *argument);

/* Runs the body in a process outside the cgroup. */
pid_t beside(void (*body)(int), int argument);

/* Counts the time a statement takes as blocked. */
#define BLOCKED(statement)                                     \
	do {                                                   \
		double entered = now();                        \
		statement;                                     \
		add(&truth->blocked_seconds, now() - entered); \
	} while (0)

#endif

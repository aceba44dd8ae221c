/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TASKS_H
#define TASKS_H

#include <sys/types.h>

#define FILE_BYTES (16L << 20)
#define PAGE 4096L

/* Shared by the task and the process that reports on it. */
struct truth {
	double thread_seconds; /* from before a thread's creation until after it was reaped */
	double inside_seconds; /* from its first instruction to its last */
	double blocked_seconds;
	long operations;
	long bytes;
};

struct kind {
	const char *name;
	pid_t (*prepare)(void); /* runs outside the cgroup; returns the peer's pid, or 0 */
	void (*run)(void);
};

/* Each ends with an entry without a name. */
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
pid_t fork_peer(void (*body)(int), int argument);

/* Counts the time a statement takes as blocked. */
#define BLOCKED(statement)                                     \
	do {                                                   \
		double entered = now();                        \
		statement;                                     \
		add(&truth->blocked_seconds, now() - entered); \
	} while (0)

/* Creates a file that is on the disk and not in the page cache. */
pid_t prepare_file(void);
int open_direct(void);
off_t random_page(void);

/* The two ends of a pipe, or the listening socket that the client of `prepare_client` connects to. */
extern int channel[2];

/* Starts a client that sends a request after each pause: its server waits for work most of the time. */
pid_t prepare_client(void);

#endif

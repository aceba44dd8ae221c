/* The kinds of server, and the functions that they share. */
#pragma once

#include "flags.h"
#include "http.h"

struct kind {
	const char *name;
	const char *summary;
	const struct flag *flags;
	/* Prepares the kind before it listens; may be NULL. */
	void (*prepare)(void);
	/* Serves the listening socket. */
	__attribute__((noreturn)) void (*serve)(int listener);
};

extern const struct kind cpu_kind, disk_kind, chain_kind, lock_kind, idle_kind;

/* Response to a request that needs no work. */
int fixed_status(enum http_target target);
const char *fixed_body(enum http_target target);

/* Accepts one connection; -1 on an error, after a pause if resources are short. */
int accept_connection(int listener, int flags);

/* One per connection. */
struct worker {
	int upstream; /* the worker's connection to another service, or -1 */
};

/* Does one unit of work: writes a line for the client, returns the HTTP status. */
typedef int (*work_function)(struct worker *worker, char body[HTTP_BODY_SIZE]);

/*
 * Serves every connection by a thread of its own, which blocks in recv on that connection between requests: only the
 * socket distinguishes waiting for work from waiting for something else.
 */
_Noreturn void serve_by_threads(int listener, work_function work);

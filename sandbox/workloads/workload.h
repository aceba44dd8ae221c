/* The kinds of server, and what they share. */
#pragma once

#include "flags.h"
#include "http.h"

struct kind {
	const char *name;
	const char *summary;
	const struct flag *flags;
	/* Checks and sets up what the kind needs before anybody may call, NULL when that is nothing. */
	void (*prepare)(void);
	/* Serves the listening socket. */
	__attribute__((noreturn)) void (*serve)(int listener);
};

extern const struct kind cpu_kind, disk_kind, chain_kind, lock_kind, idle_kind;

/* What a request that asks for no work is answered with. */
int answer_status(enum http_target target);
const char *answer_body(enum http_target target);

/* Accepts one connection; -1 when there is none to be had just now. */
int accept_connection(int listener, int flags);

/* One per connection. */
struct worker {
	int upstream; /* the worker's own connection to another service, -1 when it has none */
};

/* One unit of work: writes a line for the client, answers the HTTP status. */
typedef int (*work_function)(struct worker *worker, char body[HTTP_BODY_SIZE]);

/*
 * Serves every connection by a thread of its own, which blocks in recv on that connection between requests:
 * nothing but the socket tells a thread that waits for work from one that waits for something else.
 */
_Noreturn void serve_by_threads(int listener, work_function work);

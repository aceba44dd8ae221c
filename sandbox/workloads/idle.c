/* idle: does nothing when asked, and is meant to be asked by nobody. */
#include <stdio.h>

#include "workload.h"

static const struct flag flags[] = { { 0 } };

static int work(struct worker *worker, char body[HTTP_BODY_SIZE])
{
	(void)worker;
	snprintf(body, HTTP_BODY_SIZE, "nothing to do");
	return 200;
}

static _Noreturn void serve(int listener)
{
	serve_by_threads(listener, work);
}

const struct kind idle_kind = { "idle", "a server that nobody calls", flags, NULL, serve };

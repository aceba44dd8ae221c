/* idle: does nothing per request, and gets no requests. */
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

const struct kind idle_kind = { "idle", "does nothing", flags, NULL, serve };

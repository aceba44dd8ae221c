// SPDX-License-Identifier: Apache-2.0
/*
 * A thread that waits for cgroup events and calls a function of JavaScript's: Node.js cannot wait for a ring buffer, and
 * to look for events every now and then would wake up an idle process for nothing.
 */
#include "watch.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "napi.h"

/* A burst, as when the containers of a pod start, is looked at once. Half of the 100 ms that are promised. */
#define SETTLE_MS 50

struct watch {
	struct session *session; /* NULL once it is closed */
	napi_threadsafe_function tell;
	pthread_t thread;
	int ring;
	int ended; /* an eventfd; -1: the thread is not running */
};

static void *wait_for_events(void *data)
{
	struct watch *watch = data;
	struct pollfd either[] = { { .fd = watch->ended, .events = POLLIN }, { .fd = watch->ring, .events = POLLIN } };

	for (;;) {
		if (poll(either, 2, -1) < 0)
			continue;
		if (either[0].revents)
			return NULL;
		napi_call_threadsafe_function(watch->tell, NULL, napi_tsfn_nonblocking);
		poll(either, 1, SETTLE_MS);
	}
}

/* Without signals: those that the process is sent are for the threads of Node.js. */
static int start_thread(struct watch *watch)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	error = pthread_create(&watch->thread, NULL, wait_for_events, watch);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

static void stop_thread(struct watch *watch)
{
	if (watch->ended < 0)
		return;
	eventfd_write(watch->ended, 1);
	pthread_join(watch->thread, NULL);
	close(watch->ended);
	watch->ended = -1;
}

/* The function of JavaScript's is going: after watch_end, or first when the process ends. */
static void forget(napi_env env, void *data, void *hint)
{
	struct watch *watch = data;

	(void)env;
	(void)hint;
	stop_thread(watch);
	if (watch->session)
		watch->session->watch = NULL;
	free(watch);
}

void watch_end(struct watch *watch)
{
	stop_thread(watch);
	watch->session = NULL;
	napi_release_threadsafe_function(watch->tell, napi_tsfn_abort);
}

static napi_value start(napi_env env, struct watch *watch, napi_value function)
{
	napi_value name;
	int error;

	CHECK(napi_create_string_utf8(env, "cgroup events", NAPI_AUTO_LENGTH, &name));
	CHECK(napi_create_threadsafe_function(env, function, NULL, name, 1, 1, watch, forget, NULL, NULL, &watch->tell));
	CHECK(napi_unref_threadsafe_function(env, watch->tell));
	watch->ended = eventfd(0, EFD_CLOEXEC);
	error = watch->ended < 0 ? errno : start_thread(watch);
	if (!error)
		return name;
	if (watch->ended >= 0)
		close(watch->ended);
	watch->ended = -1;
	napi_release_threadsafe_function(watch->tell, napi_tsfn_abort);
	return throw(env, "NO_MEMORY", strerror(error));
}

/* (handle, function to call when there are events to take) */
napi_value watch_events(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	struct session *session = arguments(env, info, 2, values);
	struct watch *watch;

	if (!session || !session->ring)
		return NULL;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return throw(env, "NO_MEMORY", "no memory");
	watch->ring = ring_buffer__epoll_fd(session->ring);
	watch->ended = -1;
	if (!start(env, watch, values[1]))
		return NULL;
	if (session->watch)
		watch_end(session->watch);
	watch->session = session;
	session->watch = watch;
	return NULL;
}

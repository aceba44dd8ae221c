// SPDX-License-Identifier: Apache-2.0
/*
 * Cgroup events: the ring buffer, and a thread that calls a JavaScript function when there are events in it. Node.js
 * cannot wait for a ring buffer, and polling it would wake an idle process for nothing.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kernscale.skel.h"
#include "napi.h"

/* Events of one burst, such as the containers of a pod, are reported together. Half of the 100 ms that are promised. */
#define DEBOUNCE_MS 50

struct watch {
	napi_threadsafe_function on_events;
	struct session *session; /* NULL once the watch has ended */
	pthread_t thread;
	int ring;
	int ended; /* an eventfd; -1: the thread is not running */
};

static int store_event(void *context, void *data, size_t size)
{
	struct session *session = context;

	(void)size;
	if (session->nr_events == session->max_events) {
		size_t larger = session->max_events ? session->max_events * 2 : 64;
		struct cgroup_event *grown = realloc(session->events, larger * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		session->events = grown;
		session->max_events = larger;
	}
	session->events[session->nr_events++] = *(const struct cgroup_event *)data;
	return 0;
}

bool session_open_events(struct session *session, struct failure *failure)
{
	if (!session->options.cgroup_events)
		return true;
	session->ring =
		ring_buffer__new(bpf_map__fd(session->skeleton->maps.cgroup_events), store_event, session, NULL);
	if (!session->ring)
		fail(failure, "NO_MEMORY", "no memory for cgroup events: %s", strerror(errno));
	return session->ring;
}

void session_close_events(struct session *session)
{
	ring_buffer__free(session->ring);
	free(session->events);
}

/* Moves what is in the ring buffer to session->events; `*lost` is the number of events dropped since the last call. */
static int fetch_events(struct session *session, uint64_t *lost)
{
	uint64_t all_lost;
	int fetched;

	session->nr_events = 0;
	fetched = session->ring ? ring_buffer__consume(session->ring) : 0;
	all_lost = __atomic_load_n(&session->skeleton->bss->drops[DROP_EVENTS_FULL], __ATOMIC_RELAXED);
	*lost = all_lost - session->events_lost;
	session->events_lost = all_lost;
	return fetched < 0 ? fetched : 0;
}

static void *wait_for_events(void *data)
{
	struct watch *watch = data;
	struct pollfd either[] = { { .fd = watch->ended, .events = POLLIN }, { .fd = watch->ring, .events = POLLIN } };

	for (;;) {
		if (poll(either, 2, -1) < 0)
			continue;
		if (either[0].revents)
			return NULL;
		napi_call_threadsafe_function(watch->on_events, NULL, napi_tsfn_nonblocking);
		poll(either, 1, DEBOUNCE_MS);
	}
}

/* Blocks all signals in the thread: those sent to the process are for the threads of Node.js. */
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

/* Finalizer of the thread-safe function: runs after end_watch, or before it when the process ends. */
static void free_watch(napi_env env, void *data, void *hint)
{
	struct watch *watch = data;

	(void)env;
	(void)hint;
	stop_thread(watch);
	if (watch->session)
		watch->session->watch = NULL;
	free(watch);
}

void end_watch(struct session *session)
{
	struct watch *watch = session->watch;

	if (!watch)
		return;
	session->watch = NULL;
	watch->session = NULL;
	stop_thread(watch);
	napi_release_threadsafe_function(watch->on_events, napi_tsfn_abort);
}

static napi_value start_watch(napi_env env, struct watch *watch, napi_value function)
{
	napi_value name;
	int error;

	if (napi_create_string_utf8(env, "cgroup events", NAPI_AUTO_LENGTH, &name) != napi_ok ||
	    napi_create_threadsafe_function(env, function, NULL, name, 1, 1, watch, free_watch, NULL, NULL,
					    &watch->on_events) != napi_ok) {
		free(watch);
		return throw(env, "NAPI_FAILED", "cannot create the listener");
	}
	CHECK(napi_unref_threadsafe_function(env, watch->on_events));
	watch->ended = eventfd(0, EFD_CLOEXEC);
	error = watch->ended < 0 ? errno : start_thread(watch);
	if (!error)
		return name;
	if (watch->ended >= 0)
		close(watch->ended);
	watch->ended = -1;
	napi_release_threadsafe_function(watch->on_events, napi_tsfn_abort);
	return throw(env, "NO_MEMORY", strerror(error));
}

/* (handle, listener): calls the listener when there are events to take. Replaces an earlier listener. */
napi_value watch_events(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	struct session *session = session_argument(env, info, 2, values);
	struct watch *watch;

	if (!session || !session->ring)
		return NULL;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return throw(env, "NO_MEMORY", "no memory");
	watch->ring = ring_buffer__epoll_fd(session->ring);
	watch->ended = -1;
	if (!start_watch(env, watch, values[1]))
		return NULL;
	end_watch(session);
	watch->session = session;
	session->watch = watch;
	return NULL;
}

static napi_value write_event(napi_env env, const struct cgroup_event *event)
{
	napi_value entry, value;

	CHECK(napi_create_array_with_length(env, 4, &entry));
	CHECK(napi_get_boolean(env, event->removed, &value));
	CHECK(napi_set_element(env, entry, 0, value));
	CHECK(napi_create_bigint_uint64(env, event->id, &value));
	CHECK(napi_set_element(env, entry, 1, value));
	CHECK(napi_create_bigint_uint64(env, event->parent, &value));
	CHECK(napi_set_element(env, entry, 2, value));
	CHECK(napi_create_string_utf8(env, event->name, NAPI_AUTO_LENGTH, &value));
	CHECK(napi_set_element(env, entry, 3, value));
	return entry;
}

/* {lost, events: [[removed, id, parent, name]...]} of the cgroups created and removed since the last call. */
napi_value take_events(napi_env env, napi_callback_info info)
{
	napi_value argument, result, events, entry;
	struct session *session = session_argument(env, info, 1, &argument);
	uint64_t lost;
	int error;

	if (!session)
		return NULL;
	error = fetch_events(session, &lost);
	if (error)
		return throw(env, "READ_FAILED", strerror(-error));
	CHECK(napi_create_object(env, &result));
	CHECK(napi_create_array_with_length(env, session->nr_events, &events));
	CHECK(napi_set_named_property(env, result, "events", events));
	for (size_t i = 0; i < session->nr_events; i++) {
		entry = write_event(env, &session->events[i]);
		if (!entry)
			return NULL;
		CHECK(napi_set_element(env, events, i, entry));
	}
	return set_number(env, result, "lost", lost);
}

// SPDX-License-Identifier: Apache-2.0
#include "events.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernscale.skel.h"
#include "watch.h"

static int keep(void *context, void *data, size_t size)
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

bool events_open(struct session *session, struct failure *failure)
{
	if (!session->options.cgroup_events)
		return true;
	session->ring = ring_buffer__new(bpf_map__fd(session->skeleton->maps.cgroup_events), keep, session, NULL);
	if (!session->ring)
		fail(failure, "NO_MEMORY", "no memory for cgroup events: %s", strerror(errno));
	return session->ring;
}

void events_close(struct session *session)
{
	if (session->watch)
		watch_end(session->watch);
	ring_buffer__free(session->ring);
	free(session->events);
}

int events_fetch(struct session *session, uint64_t *lost)
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

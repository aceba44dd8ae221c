// SPDX-License-Identifier: Apache-2.0
#include "events.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernscale.skel.h"

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
	session->stats = -1;
	if (!session->options.cgroup_events)
		return true;
	session->ring = ring_buffer__new(bpf_map__fd(session->skeleton->maps.cgroup_events), keep, session, NULL);
	if (!session->ring)
		fail(failure, "NO_MEMORY", "no memory for cgroup events: %s", strerror(errno));
	return session->ring;
}

void events_close(struct session *session)
{
	costs_stop(session);
	ring_buffer__free(session->ring);
	free(session->events);
}

int events_fetch(struct session *session)
{
	int fetched;

	session->nr_events = 0;
	fetched = session->ring ? ring_buffer__consume(session->ring) : 0;
	return fetched < 0 ? fetched : 0;
}

int costs_start(struct session *session)
{
	if (session->stats < 0)
		session->stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	return session->stats < 0 ? -errno : 0;
}

void costs_stop(struct session *session)
{
	if (session->stats >= 0)
		close(session->stats);
	session->stats = -1;
}

bool costs_read(const struct session *session, const char *program, struct program_cost *cost)
{
	const struct bpf_program *loaded = bpf_object__find_program_by_name(session->skeleton->obj, program);
	struct bpf_prog_info info = {};
	unsigned int size = sizeof(info);

	if (!loaded || bpf_program__fd(loaded) < 0 || bpf_obj_get_info_by_fd(bpf_program__fd(loaded), &info, &size))
		return false;
	*cost = (struct program_cost){ .runs = info.run_cnt, .nanoseconds = info.run_time_ns };
	return true;
}

// SPDX-License-Identifier: Apache-2.0
/* Assignment of cgroups to slots, and the flush that also ends the draining of slots. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "kernscale.skel.h"
#include "programs.h"
#include "session.h"

/* Has programs look up again the slots that they cache. */
static void invalidate_cached_slots(struct session *session)
{
	__atomic_add_fetch(&session->skeleton->data->generation, 1, __ATOMIC_SEQ_CST);
}

void session_count_starvation(struct session *session)
{
	if (session->skeleton->data->starvation_counted)
		return;
	session->skeleton->data->starvation_counted = true;
	invalidate_cached_slots(session); /* and with them the pods, which were not looked up before */
}

static uint32_t find_use(const struct session *session, enum slot_use use)
{
	for (uint32_t slot = 1; slot < session->nr_slots; slot++)
		if (session->tracked[slot].use == use)
			return slot;
	return 0;
}

static uint32_t find_cgroup(const struct session *session, uint64_t cgroup)
{
	for (uint32_t slot = 1; slot < session->nr_slots; slot++)
		if (session->tracked[slot].use == SLOT_USED && session->tracked[slot].cgroup == cgroup)
			return slot;
	return 0;
}

/* Resets the counters of a slot that another cgroup has used. */
static void reset_slot(struct session *session, uint32_t slot)
{
	struct kernscale *skeleton = session->skeleton;
	size_t first = (size_t)slot * session->shards;
	const uint64_t none[8] = {}; /* no shorter than a value of either map */

	memset(&session->counters[first], 0, session->shards * sizeof(struct shard));
	memset(&session->starvation[first], 0, session->shards * sizeof(struct starvation));
	memset(&session->flushed[slot], 0, sizeof(struct flushed));
	memset(&session->totals[slot], 0, sizeof(struct totals));
	bpf_map_update_elem(bpf_map__fd(skeleton->maps.due), &slot, none, BPF_ANY);
	bpf_map_update_elem(bpf_map__fd(skeleton->maps.block_requests), &slot, none, BPF_ANY);
	session->peer_counts[slot] = 0;
	pool_evict_slot(&session->blockio, slot);
	pool_evict_slot(&session->peers, slot);
}

static int iterate(const struct bpf_link *link)
{
	char ignored[64];
	int iterator = bpf_iter_create(bpf_link__fd(link));
	ssize_t got;

	if (iterator < 0)
		return -errno;
	do
		got = read(iterator, ignored, sizeof(ignored));
	while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
	close(iterator);
	return got < 0 ? -errno : 0;
}

void session_adopt_listeners(struct session *session)
{
	if (program_attached(&session->programs, "adopt_listeners"))
		iterate(session->skeleton->links.adopt_listeners);
}

double seconds_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

double off_cpu_seconds(void)
{
	return seconds_of(CLOCK_MONOTONIC) - seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

int session_flush(struct session *session)
{
	double began = off_cpu_seconds();
	int error = 0;

	if (program_attached(&session->programs, "flush_threads")) {
		session->skeleton->bss->flush_clock = 0;
		/* The iterator takes this CPU's run-queue clock as the present; yielding refreshes it. */
		sched_yield();
		began = off_cpu_seconds();
		error = iterate(session->skeleton->links.flush_threads);
		session->read_at = session->skeleton->bss->flush_clock;
	}
	session->off_cpu = began;
	/* The iterator has refreshed the slot of every thread: no thread caches a draining slot any more. */
	for (uint32_t slot = 1; !error && slot < session->nr_slots; slot++)
		if (session->tracked && session->tracked[slot].use == SLOT_DRAINING)
			session->tracked[slot].use = SLOT_FREE;
	return error;
}

int64_t session_track(struct session *session, uint64_t cgroup, struct failure *failure)
{
	uint32_t slot = find_cgroup(session, cgroup);

	if (slot)
		return slot;
	slot = find_use(session, SLOT_FREE);
	if (!slot && find_use(session, SLOT_DRAINING)) {
		session_flush(session);
		slot = find_use(session, SLOT_FREE);
	}
	if (!slot) {
		fail(failure, "SLOTS_FULL", "%u containers are tracked already: raise maxContainers",
		     session->options.max_containers);
		return -1;
	}
	if (session->tracked[slot].cgroup)
		reset_slot(session, slot);
	if (bpf_map_update_elem(bpf_map__fd(session->skeleton->maps.slots), &cgroup, &slot, BPF_ANY)) {
		fail(failure, "SLOTS_FULL", "the kernel has no room for cgroup %llu", (unsigned long long)cgroup);
		return -1;
	}
	session->tracked[slot] = (struct tracked){ .cgroup = cgroup, .use = SLOT_USED };
	invalidate_cached_slots(session);
	return slot;
}

void session_untrack(struct session *session, uint64_t cgroup)
{
	uint32_t slot = find_cgroup(session, cgroup);

	if (!slot)
		return;
	bpf_map_delete_elem(bpf_map__fd(session->skeleton->maps.slots), &cgroup);
	session->tracked[slot].use = SLOT_DRAINING;
	invalidate_cached_slots(session);
}

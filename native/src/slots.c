// SPDX-License-Identifier: Apache-2.0
/* Which cgroup is billed to which slot, and the life of a slot. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <string.h>

#include "kernscale.skel.h"
#include "session.h"

static void invalidate_caches(struct session *session)
{
	__atomic_add_fetch(&session->skeleton->data->generation, 1, __ATOMIC_SEQ_CST);
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

static void retire_entries_of(struct pool *pool, uint32_t slot)
{
	for (uint32_t place = 0; place < pool_end(pool); place++) {
		struct entry *entry = pool_entry(pool, place);

		if (entry->slot == slot && entry_in_use(entry))
			pool_retire(pool, entry);
	}
}

static void wipe(struct session *session, uint32_t slot)
{
	struct kernscale *skeleton = session->skeleton;
	size_t first = (size_t)slot * session->shards;
	uint64_t none = 0;

	memset(&session->rows[first], 0, session->shards * sizeof(struct row));
	memset(&session->settled[slot], 0, sizeof(struct settled));
	memset(&session->totals[slot], 0, sizeof(struct totals));
	bpf_map_update_elem(bpf_map__fd(skeleton->maps.outstanding), &slot, &none, BPF_ANY);
	bpf_map_update_elem(bpf_map__fd(skeleton->maps.block_requests), &slot, &none, BPF_ANY);
	session->peer_counts[slot] = 0;
	retire_entries_of(&session->blockio, slot);
	retire_entries_of(&session->peers, slot);
}

int64_t session_track(struct session *session, uint64_t cgroup, struct failure *failure)
{
	uint32_t slot = find_cgroup(session, cgroup);

	if (slot)
		return slot;
	slot = find_use(session, SLOT_FREE);
	if (!slot && find_use(session, SLOT_RETIRED)) {
		session_settle(session);
		slot = find_use(session, SLOT_FREE);
	}
	if (!slot) {
		fail(failure, "SLOTS_FULL", "%u containers are tracked already: raise maxContainers",
		     session->options.max_containers);
		return -1;
	}
	if (session->tracked[slot].cgroup)
		wipe(session, slot);
	if (bpf_map_update_elem(bpf_map__fd(session->skeleton->maps.slots), &cgroup, &slot, BPF_ANY)) {
		fail(failure, "SLOTS_FULL", "the kernel has no room for cgroup %llu", (unsigned long long)cgroup);
		return -1;
	}
	session->tracked[slot] = (struct tracked){ .cgroup = cgroup, .use = SLOT_USED };
	invalidate_caches(session);
	return slot;
}

void session_untrack(struct session *session, uint64_t cgroup)
{
	uint32_t slot = find_cgroup(session, cgroup);

	if (!slot)
		return;
	bpf_map_delete_elem(bpf_map__fd(session->skeleton->maps.slots), &cgroup);
	session->tracked[slot].use = SLOT_RETIRED;
	invalidate_caches(session);
}

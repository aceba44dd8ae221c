// SPDX-License-Identifier: Apache-2.0
/* Which peers to forget: the kernel only adds, up to a bound per container and one for all. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>

#include "kernscale.skel.h"
#include "session.h"

/* Peers quiet for this long make room, the longest first, while a bound is nearer than a quarter of it. */
#define QUIET_NS (10 * 60 * 1000000000ULL)
#define CROWDED(bound) ((bound) / 4 * 3)

struct entry {
	const struct peer_key *key;
	uint64_t last_seen;
};

static int by_last_seen(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	return (left->last_seen > right->last_seen) - (left->last_seen < right->last_seen);
}

static bool forget(struct session *session, const struct peer_key *key, uint32_t *known)
{
	struct kernscale *skeleton = session->skeleton;

	if (bpf_map_delete_elem(bpf_map__fd(skeleton->maps.peers), key))
		return false;
	if (key->family) {
		(*known)--;
		/* A peer added this very moment is not in the count: the bound may be passed by that one. */
		bpf_map_update_elem(bpf_map__fd(skeleton->maps.peer_counts), &key->slot, known, BPF_ANY);
	}
	return true;
}

static bool is_crowded(const struct session *session, const struct entry *entries, int count, const uint32_t *known)
{
	for (int i = 0; i < count; i++)
		if (known[entries[i].key->slot] >= CROWDED(MAX_PEERS_PER_SLOT))
			return true;
	return count >= CROWDED((int)bpf_map__max_entries(session->skeleton->maps.peers));
}

static void make_room(struct session *session, struct entry *entries, int count, uint32_t *known)
{
	uint64_t now = session->skeleton->bss->settle_clock;
	int bound = bpf_map__max_entries(session->skeleton->maps.peers), left = count;

	if (is_crowded(session, entries, count, known))
		qsort(entries, count, sizeof(*entries), by_last_seen);
	for (int i = 0; i < count; i++) {
		const struct peer_key *key = entries[i].key;
		bool unused = key->slot && session->tracked[key->slot].use == SLOT_FREE;
		bool crowded = left >= CROWDED(bound) || known[key->slot] >= CROWDED(MAX_PEERS_PER_SLOT);

		if (unused || (crowded && key->family && now > entries[i].last_seen + QUIET_NS))
			left -= forget(session, key, &known[key->slot]);
	}
}

void session_age_peers(struct session *session, const struct peer_key *keys, const struct peer_value *values, int count)
{
	uint32_t *known = calloc(session->nr_slots, sizeof(*known));
	struct entry *entries = calloc(count, sizeof(*entries));

	for (int i = 0; known && entries && i < count; i++) {
		known[keys[i].slot] += keys[i].family != 0;
		entries[i] = (struct entry){ .key = &keys[i], .last_seen = values[i].last_seen };
	}
	if (known && entries)
		make_room(session, entries, count, known);
	free(entries);
	free(known);
}

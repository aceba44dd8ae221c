// SPDX-License-Identifier: Apache-2.0
/* Eviction of peers: the kernel side only adds them, up to a bound per container and one for all. */
#include <stdlib.h>

#include "kernscale.skel.h"
#include "session.h"

/* Near a bound, peers quiet for this long are evicted, longest first. */
#define QUIET_NS (10 * 60 * 1000000000ULL)
#define NEAR_BOUND(bound) ((bound) / 4 * 3)

static int by_last_seen(const void *a, const void *b)
{
	const struct peer_entry *left = *(struct peer_entry *const *)a, *right = *(struct peer_entry *const *)b;

	return (left->last_seen > right->last_seen) - (left->last_seen < right->last_seen);
}

static void evict_peer(struct session *session, struct peer_entry *peer)
{
	if (peer->key.family)
		__atomic_sub_fetch(&session->peer_counts[peer->key.slot], 1, __ATOMIC_RELAXED);
	pool_evict(&session->peers, (struct entry *)peer);
}

static bool is_near_bound(const struct session *session, uint32_t slot)
{
	return session->peer_counts[slot] >= NEAR_BOUND(MAX_PEERS_PER_SLOT);
}

static void make_room(struct session *session, struct peer_entry **peers, uint32_t count)
{
	uint64_t now = session->skeleton->bss->flush_clock;
	uint32_t left = count;

	qsort(peers, count, sizeof(*peers), by_last_seen);
	for (uint32_t i = 0; i < count && now > peers[i]->last_seen + QUIET_NS; i++) {
		bool near_bound =
			left >= NEAR_BOUND(session->peers.bound) || is_near_bound(session, peers[i]->key.slot);

		if (!near_bound || !peers[i]->key.family || peers[i]->scalars[PEER_SENT_OUTSTANDING])
			continue;
		evict_peer(session, peers[i]);
		left--;
	}
}

void session_evict_peers(struct session *session)
{
	struct peer_entry **peers = session->sorted_peers;
	uint32_t count = 0;
	bool near_bound = false;

	for (uint32_t position = 0; position < pool_end(&session->peers); position++) {
		struct peer_entry *peer = (struct peer_entry *)pool_entry(&session->peers, position);
		uint32_t slot = peer->key.slot;

		if (!entry_in_use((struct entry *)peer))
			continue;
		if (slot && session->tracked[slot].use == SLOT_FREE) {
			evict_peer(session, peer);
			continue;
		}
		near_bound |= is_near_bound(session, slot);
		peers[count++] = peer;
	}
	if (near_bound || count >= NEAR_BOUND(session->peers.bound))
		make_room(session, peers, count);
}

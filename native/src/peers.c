// SPDX-License-Identifier: Apache-2.0
/* Which peers to forget: the kernel only adds, up to a bound per container and one for all. */
#include <stdlib.h>

#include "kernscale.skel.h"
#include "session.h"

/* Peers quiet for this long make room, the longest first, while a bound is nearer than a quarter of it. */
#define QUIET_NS (10 * 60 * 1000000000ULL)
#define CROWDED(bound) ((bound) / 4 * 3)

static int by_last_seen(const void *a, const void *b)
{
	const struct peer_entry *left = *(struct peer_entry *const *)a, *right = *(struct peer_entry *const *)b;

	return (left->last_seen > right->last_seen) - (left->last_seen < right->last_seen);
}

static void forget(struct session *session, struct peer_entry *peer)
{
	if (peer->key.family)
		__atomic_sub_fetch(&session->peer_counts[peer->key.slot], 1, __ATOMIC_RELAXED);
	pool_retire(&session->peers, (struct entry *)peer);
}

static bool is_crowded(const struct session *session, uint32_t slot)
{
	return session->peer_counts[slot] >= CROWDED(MAX_PEERS_PER_SLOT);
}

static void make_room(struct session *session, struct peer_entry **peers, uint32_t count)
{
	uint64_t now = session->skeleton->bss->settle_clock;
	uint32_t left = count;

	qsort(peers, count, sizeof(*peers), by_last_seen);
	for (uint32_t i = 0; i < count && now > peers[i]->last_seen + QUIET_NS; i++) {
		bool crowded = left >= CROWDED(session->peers.bound) || is_crowded(session, peers[i]->key.slot);

		if (!crowded || !peers[i]->key.family)
			continue;
		forget(session, peers[i]);
		left--;
	}
}

void session_age_peers(struct session *session)
{
	struct peer_entry **peers = session->peers_in_use;
	uint32_t count = 0;
	bool crowded = false;

	for (uint32_t place = 0; place < pool_end(&session->peers); place++) {
		struct peer_entry *peer = (struct peer_entry *)pool_entry(&session->peers, place);
		uint32_t slot = peer->key.slot;

		if (!entry_in_use((struct entry *)peer))
			continue;
		if (slot && session->tracked[slot].use == SLOT_FREE) {
			forget(session, peer);
			continue;
		}
		crowded |= is_crowded(session, slot);
		peers[count++] = peer;
	}
	if (crowded || count >= CROWDED(session->peers.bound))
		make_room(session, peers, count);
}

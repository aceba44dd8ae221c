// SPDX-License-Identifier: Apache-2.0
/* Which peers to forget: the kernel only adds, up to a bound per container. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>

#include "kernscale.skel.h"
#include "session.h"

/* Peers quiet for this long make room, once a container has filled three quarters of its bound. */
#define QUIET_NS (10 * 60 * 1000000000ULL)
#define CROWDED (MAX_PEERS_PER_SLOT * 3 / 4)

void session_age_peers(struct session *session, const struct peer_key *keys, const struct peer_value *values, int count)
{
	struct kernscale *skeleton = session->skeleton;
	uint64_t now = skeleton->bss->settle_clock;
	uint32_t *known = calloc(session->nr_slots, sizeof(*known));

	for (int i = 0; known && i < count; i++)
		known[keys[i].slot] += keys[i].family != 0;
	for (int i = 0; known && i < count; i++) {
		uint32_t slot = keys[i].slot;

		if (known[slot] < CROWDED || !keys[i].family || now < values[i].last_seen + QUIET_NS)
			continue;
		if (bpf_map_delete_elem(bpf_map__fd(skeleton->maps.peers), &keys[i]))
			continue;
		known[slot]--;
		/* A peer added this very moment is not in the count: the bound may be passed by that one. */
		bpf_map_update_elem(bpf_map__fd(skeleton->maps.peer_counts), &slot, &known[slot], BPF_ANY);
	}
	free(known);
}

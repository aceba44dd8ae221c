// SPDX-License-Identifier: Apache-2.0
#include "maps.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "kernscale.skel.h"
#include "session.h"

uint32_t maps_default_shards(uint32_t cpus)
{
	return cpus > MAX_SHARDS ? MAX_SHARDS : cpus;
}

/* Connections to follow: one per 512 KiB of memory, 0.06 % of it. */
static uint32_t connections_bound(void)
{
	const int64_t share = 512 * 1024, least = 8192, most = 262144;
	int64_t bound = (int64_t)sysconf(_SC_PHYS_PAGES) * getpagesize() / share;

	return bound < least ? least : bound > most ? most : bound;
}

static int set_connections_bound(struct kernscale *skeleton)
{
	const uint32_t cells_of_line = 8; /* LINE_CELLS of bpf/connection.h */
	uint32_t connections = connections_bound(), bits = 0;
	int error = 0;

	while (cells_of_line << bits < 2 * connections)
		bits++;
	skeleton->rodata->connection_index_bits = bits;
	error = error ?: bpf_map__set_max_entries(skeleton->maps.connections, connections);
	error = error ?: bpf_map__set_max_entries(skeleton->maps.connections_free, connections);
	error = error ?: bpf_map__set_max_entries(skeleton->maps.connection_index, 1U << bits);
	return error;
}

int maps_set_bounds(struct kernscale *skeleton, uint32_t containers, uint32_t shards)
{
	uint32_t slots = containers + 1; /* slot 0 is everything untracked */
	int error = set_connections_bound(skeleton);

	error = error ?: bpf_map__set_max_entries(skeleton->maps.slots, containers);
	error = error ?: bpf_map__set_max_entries(skeleton->maps.counters, slots * shards);
	error = error ?: bpf_map__set_max_entries(skeleton->maps.flushed, slots);
	error = error ?: bpf_map__set_max_entries(skeleton->maps.starvation, slots * shards);
	error = error ?: bpf_map__set_max_entries(skeleton->maps.due, slots);
	error = error ?: bpf_map__set_max_entries(skeleton->maps.block_requests, slots);
	error = error ?: bpf_map__set_max_entries(skeleton->maps.peer_counts, slots);
	error = error ?: bpf_map__set_max_entries(skeleton->maps.peers, slots * PEERS_PER_CONTAINER);
	error = error ?: bpf_map__set_max_entries(skeleton->maps.peers_index, slots * PEERS_PER_CONTAINER);
	error = error ?: bpf_map__set_max_entries(skeleton->maps.peers_free, slots * PEERS_PER_CONTAINER);
	error = error ?: bpf_map__set_max_entries(skeleton->maps.blockio, slots * BLOCKIO_PER_CONTAINER);
	error = error ?: bpf_map__set_max_entries(skeleton->maps.blockio_index, slots * BLOCKIO_PER_CONTAINER);
	error = error ?: bpf_map__set_max_entries(skeleton->maps.blockio_free, slots * BLOCKIO_PER_CONTAINER);
	return error;
}

static int64_t round_up(int64_t size, int64_t unit)
{
	return (size + unit - 1) / unit * unit;
}

static int64_t next_power_of_two(int64_t value)
{
	int64_t power = 1;

	while (power < value)
		power *= 2;
	return power;
}

/* kernel/bpf/hashtab.c: all elements are allocated with the map, and one more per CPU. */
static int64_t hash_memory(int64_t entries, uint32_t cpus, uint32_t key, uint32_t value)
{
	const int64_t element = 48, bucket = 16; /* struct htab_elem, struct bucket */

	return (entries + cpus) * (element + round_up(key, 8) + round_up(value, 8)) +
	       next_power_of_two(entries) * bucket;
}

static int64_t array_memory(const struct bpf_map *map)
{
	int64_t size = bpf_map__max_entries(map) * round_up(bpf_map__value_size(map), 8);

	if (!(bpf_map__map_flags(map) & BPF_F_MMAPABLE))
		return size;
	return getpagesize() + round_up(size, getpagesize()); /* the first page is struct bpf_array */
}

static int64_t memory_of(const struct bpf_map *map, uint32_t cpus)
{
	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_ARRAY:
		return array_memory(map);
	case BPF_MAP_TYPE_HASH:
		return hash_memory(bpf_map__max_entries(map), cpus, bpf_map__key_size(map), bpf_map__value_size(map));
	case BPF_MAP_TYPE_STACK:
		return ((int64_t)bpf_map__max_entries(map) + 1) * bpf_map__value_size(map);
	case BPF_MAP_TYPE_RINGBUF:
		return bpf_map__max_entries(map);
	default:
		return 0;
	}
}

int64_t maps_memory(uint32_t cpus, uint32_t containers)
{
	struct kernscale *skeleton = kernscale__open();
	const struct bpf_map *map;
	int64_t sum = 0;

	if (!skeleton)
		return -errno;
	if (maps_set_bounds(skeleton, containers, maps_default_shards(cpus)))
		sum = -EINVAL;
	else
		bpf_object__for_each_map(map, skeleton->obj)
			sum += memory_of(map, cpus);
	kernscale__destroy(skeleton);
	return sum;
}

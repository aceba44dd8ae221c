// SPDX-License-Identifier: Apache-2.0
#include "pool.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_HISTOGRAMS (sizeof((struct shape){}.histograms) / sizeof((struct shape){}.histograms[0]))

static size_t most_values(const struct shape *shape)
{
	size_t most = shape->nr_scalars;

	for (size_t i = 0; i < MAX_HISTOGRAMS; i++)
		most += 3 + shape->histograms[i].nr_buckets;
	return most;
}

bool pool_open(struct pool *pool, const struct shape *shape, const struct bpf_map *entries, const struct bpf_map *index,
	       const struct bpf_map *free_list, const uint32_t *end)
{
	size_t bound = bpf_map__max_entries(entries), entry_size = bpf_map__value_size(entries);
	void *memory = mmap(NULL, bound * entry_size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(entries), 0);

	*pool = (struct pool){
		.index = bpf_map__fd(index),
		.free_list = bpf_map__fd(free_list),
		.end = end,
		.bound = bound,
		.key_size = bpf_map__key_size(index),
		.entry_size = entry_size,
		.shape = *shape,
		.memory = memory == MAP_FAILED ? NULL : memory,
		.read = {
			.keys = malloc(bound * bpf_map__key_size(index)),
			.names = malloc(bound * shape->name_size + 1),
			.positions = malloc(bound * sizeof(uint32_t)),
			.offsets = malloc(bound * sizeof(uint32_t)),
			.values = malloc(bound * most_values(shape) * sizeof(double)),
		},
	};
	return pool->memory && pool->read.keys && pool->read.names && pool->read.positions && pool->read.offsets &&
	       pool->read.values;
}

void pool_close(struct pool *pool)
{
	if (pool->memory)
		munmap(pool->memory, pool->bound * pool->entry_size);
	free(pool->read.keys);
	free(pool->read.names);
	free(pool->read.positions);
	free(pool->read.offsets);
	free(pool->read.values);
}

/* End of the positions that were ever in use. */
uint32_t pool_end(const struct pool *pool)
{
	uint32_t end = __atomic_load_n(pool->end, __ATOMIC_RELAXED);

	return end < pool->bound ? end : pool->bound;
}

struct entry *pool_entry(const struct pool *pool, uint32_t position)
{
	return (struct entry *)(pool->memory + position * pool->entry_size);
}

bool entry_in_use(const struct entry *entry)
{
	uint32_t id = __atomic_load_n(&entry->id, __ATOMIC_ACQUIRE);

	return id && id != ENTRY_DRAINING;
}

static double *write_buckets(double *out, const uint64_t *buckets, size_t length)
{
	size_t first = 0, end = length;

	while (first < end && !buckets[first])
		first++;
	while (end > first && !buckets[end - 1])
		end--;
	*out++ = first;
	*out++ = end - first;
	for (size_t i = first; i < end; i++)
		*out++ = buckets[i];
	return out;
}

static double *write_counters(double *out, const struct shape *shape, const char *entry)
{
	const uint64_t *words = (const uint64_t *)(entry + shape->scalars);

	for (size_t i = 0; i < shape->nr_scalars; i++)
		*out++ = words[i];
	for (size_t i = 0; i < MAX_HISTOGRAMS && shape->histograms[i].nr_buckets; i++) {
		words = (const uint64_t *)(entry + shape->histograms[i].offset);
		*out++ = *words;
		out = write_buckets(out, words + 1, shape->histograms[i].nr_buckets);
	}
	return out;
}

void pool_read(struct pool *pool)
{
	size_t key_size = pool->key_size, name_size = pool->shape.name_size;
	struct entries *read = &pool->read;
	double *out = read->values;

	read->count = 0;
	for (uint32_t position = 0, end = pool_end(pool); position < end; position++) {
		const struct entry *entry = pool_entry(pool, position);

		if (!entry_in_use(entry))
			continue;
		memcpy(read->keys + read->count * key_size, &entry->slot, key_size);
		memcpy(read->names + read->count * name_size, (const char *)entry + pool->shape.name, name_size);
		read->positions[read->count] = position;
		read->offsets[read->count++] = out - read->values;
		out = write_counters(out, &pool->shape, (const char *)entry);
	}
	read->length = out - read->values;
}

void pool_evict(struct pool *pool, struct entry *entry)
{
	bpf_map_delete_elem(pool->index, &entry->slot);
	__atomic_store_n(&entry->id, ENTRY_DRAINING, __ATOMIC_RELEASE);
	pool->draining++;
}

void pool_evict_slot(struct pool *pool, uint32_t slot)
{
	for (uint32_t position = 0; position < pool_end(pool); position++) {
		struct entry *entry = pool_entry(pool, position);

		if (entry->slot == slot && entry_in_use(entry))
			pool_evict(pool, entry);
	}
}

void pool_free_drained(struct pool *pool)
{
	for (uint32_t position = 0, end = pool_end(pool); pool->draining && position < end; position++) {
		struct entry *entry = pool_entry(pool, position);

		if (entry->id != ENTRY_DRAINING)
			continue;
		memset(entry, 0, pool->entry_size);
		if (position >= pool->shape.nr_reserved)
			bpf_map_update_elem(pool->free_list, NULL, &position, BPF_ANY);
		pool->draining--;
	}
}

// SPDX-License-Identifier: Apache-2.0
#include "pools.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NR_HISTOGRAMS (sizeof((struct shape){}.buckets) / sizeof((struct shape){}.buckets[0]))

static size_t most_values(const struct shape *shape)
{
	size_t most = shape->words;

	for (size_t i = 0; i < NR_HISTOGRAMS && shape->buckets[i]; i++)
		most += 2 + shape->buckets[i];
	return most;
}

bool pool_open(struct pool *pool, const struct shape *shape, const struct bpf_map *entries, const struct bpf_map *index,
	       const struct bpf_map *freed, const uint32_t *fresh)
{
	size_t bound = bpf_map__max_entries(entries), entry_size = bpf_map__value_size(entries);
	void *memory = mmap(NULL, bound * entry_size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(entries), 0);

	*pool = (struct pool){
		.index = bpf_map__fd(index),
		.freed = bpf_map__fd(freed),
		.fresh = fresh,
		.bound = bound,
		.key_size = bpf_map__key_size(index),
		.entry_size = entry_size,
		.shape = *shape,
		.memory = memory == MAP_FAILED ? NULL : memory,
		.read = {
			.keys = malloc(bound * bpf_map__key_size(index)),
			.names = malloc(bound * shape->name_size + 1),
			.offsets = malloc(bound * sizeof(uint32_t)),
			.values = malloc(bound * most_values(shape) * sizeof(double)),
		},
	};
	return pool->memory && pool->read.keys && pool->read.names && pool->read.offsets && pool->read.values;
}

void pool_close(struct pool *pool)
{
	if (pool->memory)
		munmap(pool->memory, pool->bound * pool->entry_size);
	free(pool->read.keys);
	free(pool->read.names);
	free(pool->read.offsets);
	free(pool->read.values);
}

uint32_t pool_end(const struct pool *pool)
{
	uint32_t fresh = __atomic_load_n(pool->fresh, __ATOMIC_RELAXED);

	return fresh < pool->bound ? fresh : pool->bound;
}

struct entry *pool_entry(const struct pool *pool, uint32_t place)
{
	return (struct entry *)(pool->memory + place * pool->entry_size);
}

bool entry_in_use(const struct entry *entry)
{
	uint32_t use = __atomic_load_n(&entry->use, __ATOMIC_ACQUIRE);

	return use && use != ENTRY_RETIRED;
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

static double *write_value(double *out, const struct shape *shape, const uint64_t *value)
{
	for (size_t word = 0; word < shape->words; word++)
		*out++ = *value++;
	for (size_t i = 0; i < NR_HISTOGRAMS && shape->buckets[i]; value += shape->buckets[i++])
		out = write_buckets(out, value, shape->buckets[i]);
	return out;
}

void pool_read(struct pool *pool)
{
	size_t key_size = pool->key_size, name_size = pool->shape.name_size, word = sizeof(uint64_t);
	size_t name_offset = (sizeof(uint32_t) + key_size + word - 1) / word * word;
	struct entries *read = &pool->read;
	double *out = read->values;

	read->count = 0;
	for (uint32_t place = 0, end = pool_end(pool); place < end; place++) {
		const struct entry *entry = pool_entry(pool, place);
		const char *name = (const char *)entry + name_offset;

		if (!entry_in_use(entry))
			continue;
		memcpy(read->keys + read->count * key_size, &entry->slot, key_size);
		memcpy(read->names + read->count * name_size, name, name_size);
		read->offsets[read->count++] = out - read->values;
		out = write_value(out, &pool->shape, (const uint64_t *)(name + name_size));
	}
	read->length = out - read->values;
}

void pool_retire(struct pool *pool, struct entry *entry)
{
	bpf_map_delete_elem(pool->index, &entry->slot);
	__atomic_store_n(&entry->use, ENTRY_RETIRED, __ATOMIC_RELEASE);
	pool->retired++;
}

void pool_recycle(struct pool *pool)
{
	for (uint32_t place = 0, end = pool_end(pool); pool->retired && place < end; place++) {
		struct entry *entry = pool_entry(pool, place);

		if (entry->use != ENTRY_RETIRED)
			continue;
		memset(entry, 0, pool->entry_size);
		bpf_map_update_elem(pool->freed, NULL, &place, BPF_ANY);
		pool->retired--;
	}
}

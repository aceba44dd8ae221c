/* SPDX-License-Identifier: Apache-2.0 */
/* The user side of ../bpf/pool.h: reads, evicts and frees entries. */
#ifndef KERNSCALE_SRC_POOL_H
#define KERNSCALE_SRC_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bpf/layout.h"

struct bpf_map;

/* Places of what is read from an entry. Counters are 64-bit words; a histogram is its sum and its buckets. */
struct shape {
	size_t name, name_size;
	size_t scalars, nr_scalars;
	size_t nr_reserved; /* the first entries, which programs do not allocate */
	struct {
		size_t offset, nr_buckets;
	} histograms[2];
};

/* The entries in use at the last read. The memory is kept: fresh pages cost more than what is read into them. */
struct entries {
	uint32_t count;
	char *keys, *names;
	uint32_t *positions;
	uint32_t *offsets; /* start of each entry in `values` */
	double *values;    /* scalars; per histogram its sum and packed buckets: index of the first, how many, these */
	size_t length;     /* of `values` */
};

struct pool {
	int index, free_list; /* map descriptors */
	const uint32_t *end;  /* shared with the kernel; positions below it are in use, draining or free */
	uint32_t bound, draining;
	size_t key_size, entry_size;
	struct shape shape;
	char *memory; /* shared with the kernel */
	struct entries read;
};

/* Opens the pool of loaded maps. False without memory. */
bool pool_open(struct pool *pool, const struct shape *shape, const struct bpf_map *entries, const struct bpf_map *index,
	       const struct bpf_map *free_list, const uint32_t *end);
void pool_close(struct pool *pool);

/* Updates `pool->read`. */
void pool_read(struct pool *pool);

/* Entries are at positions below this; not all of them are in use. */
uint32_t pool_end(const struct pool *pool);
struct entry *pool_entry(const struct pool *pool, uint32_t position);
bool entry_in_use(const struct entry *entry);

/* Evicts an entry. It drains: a program that found it earlier may still write to it. */
void pool_evict(struct pool *pool, struct entry *entry);
void pool_evict_slot(struct pool *pool, uint32_t slot);

/* Frees the entries that were evicted before the last flush, to which no program can write any more. */
void pool_free_drained(struct pool *pool);

#endif

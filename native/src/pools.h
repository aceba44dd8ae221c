/* SPDX-License-Identifier: Apache-2.0 */
/* The user side of bpf/pool.h. */
#ifndef KERNSCALE_POOLS_H
#define KERNSCALE_POOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bpf/layout.h"

struct bpf_map;

/* What follows an entry's key: a name, words, and histograms' buckets behind each other. */
struct shape {
	size_t name_size, words;
	size_t buckets[2];
};

/* The entries in use when last read; the memory is kept, because fresh pages cost more than what is read into them. */
struct entries {
	uint32_t count;
	char *keys, *names;
	uint32_t *offsets; /* where each begins in `values` */
	double *values; /* the words, then per histogram the number of its first bucket not empty, how many follow, these */
	size_t length;  /* of `values` */
};

struct pool {
	int index, freed; /* maps of the kernel's */
	const uint32_t *fresh;
	uint32_t bound, retired;
	size_t key_size, entry_size;
	struct shape shape;
	char *memory; /* shared with the kernel */
	struct entries read;
};

/* The pool of these maps, once they are loaded. False without memory. */
bool pool_open(struct pool *pool, const struct shape *shape, const struct bpf_map *entries, const struct bpf_map *index,
	       const struct bpf_map *freed, const uint32_t *fresh);
void pool_close(struct pool *pool);

/* Brings `pool->read` up to date. */
void pool_read(struct pool *pool);

/* How many entries were ever in use: the others are free. */
uint32_t pool_end(const struct pool *pool);
struct entry *pool_entry(const struct pool *pool, uint32_t place);
bool entry_in_use(const struct entry *entry);

/* Makes an entry unfindable. Who found it before may still write to it, so that it is not free yet. */
void pool_retire(struct pool *pool, struct entry *entry);

/* Frees what was retired before, by when everybody has let go of it. */
void pool_recycle(struct pool *pool);

#endif

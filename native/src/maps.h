/* SPDX-License-Identifier: Apache-2.0 */
/* How large the maps are, and what they take. */
#ifndef KERNSCALE_MAPS_H
#define KERNSCALE_MAPS_H

#include <stdint.h>

struct kernscale;

/* Rows per container: one per CPU up to eight, then eight that CPUs share. */
uint32_t maps_default_shards(uint32_t cpus);

/* Sets every bound that depends on the number of containers. Negative when libbpf refuses. */
int maps_set_bounds(struct kernscale *skeleton, uint32_t containers, uint32_t shards);

/*
 * Bytes of kernel memory that the maps take with so many containers on so many CPUs, without loading them: what the
 * kernel itself accounts since 6.4 (map_mem_usage). Storage of threads and sockets, allocated one by one, is not in it.
 * Negative: -errno.
 */
int64_t maps_memory(uint32_t cpus, uint32_t containers);

#endif

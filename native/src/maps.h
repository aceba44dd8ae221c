/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds of the maps, and the kernel memory they take. */
#ifndef KERNSCALE_MAPS_H
#define KERNSCALE_MAPS_H

#include <stdint.h>

struct kernscale;

/* Shards per slot: one per CPU up to eight, then eight that CPUs share. */
uint32_t maps_default_shards(uint32_t cpus);

/* Sets all bounds that depend on the number of containers or on the machine's memory. Negative if libbpf refuses. */
int maps_set_bounds(struct kernscale *skeleton, uint32_t containers, uint32_t shards);

/*
 * Bytes of kernel memory that the maps take for that many containers and CPUs, computed without loading them: what the
 * kernel itself accounts since 6.4 (map_mem_usage). Excludes task and socket storage, which is allocated per thread and
 * socket. Negative: -errno.
 */
int64_t maps_memory(uint32_t cpus, uint32_t containers);

#endif

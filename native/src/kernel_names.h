/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's names for addresses of its own. Each way takes a program that not every kernel does; either will do. */
#ifndef KERNSCALE_KERNEL_NAMES_H
#define KERNSCALE_KERNEL_NAMES_H

#include <stdint.h>

#include "bytes.h"

struct profile; /* the skeleton bpftool generates */

/* Both add a line for each address, which is its own name if it has none. 0 or -errno. */
int names_by_call(struct profile *skeleton, const uint64_t *addresses, uint32_t count, struct bytes *lines);
int names_by_iterator(struct profile *skeleton, const uint64_t *addresses, uint32_t count, struct bytes *lines);

#endif

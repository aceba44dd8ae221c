/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that grows as it is written. */
#ifndef KERNSCALE_BYTES_H
#define KERNSCALE_BYTES_H

#include <stddef.h>

struct bytes {
	char *data;
	size_t size, capacity;
};

/* Where to write up to so many more; `size` is for the caller to raise. NULL: there is no memory. */
char *bytes_room(struct bytes *bytes, size_t more);

#endif

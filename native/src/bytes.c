// SPDX-License-Identifier: Apache-2.0
#include "bytes.h"

#include <stdlib.h>

char *bytes_room(struct bytes *bytes, size_t more)
{
	size_t capacity = bytes->capacity ?: 64 * 1024;

	while (capacity < bytes->size + more)
		capacity *= 2;
	if (capacity > bytes->capacity) {
		char *larger = realloc(bytes->data, capacity);

		if (!larger)
			return NULL;
		bytes->data = larger;
		bytes->capacity = capacity;
	}
	return bytes->data + bytes->size;
}

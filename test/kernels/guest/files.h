/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FILES_H
#define FILES_H

#include "tasks.h"

#define FILE_BYTES (16L << 20)
#define PAGE 4096L

/* Makes the file, on the disk and not in the page cache. */
pid_t prepare_file(void);
int open_direct(void);
off_t random_page(void);

#endif

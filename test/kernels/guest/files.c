// SPDX-License-Identifier: Apache-2.0
/* Readers and writers of a file. */
#define _GNU_SOURCE
#include "tasks.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_PATH "data" /* in the working directory: a file of each task's own */

static void write_file(void)
{
	char *page = aligned_alloc(PAGE, PAGE);
	int file = open(FILE_PATH, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (file < 0)
		die(FILE_PATH);
	memset(page, 1, PAGE);
	for (long written = 0; written < FILE_BYTES; written += PAGE)
		if (write(file, page, PAGE) != PAGE)
			die("write");
	close(file);
	free(page);
}

/* Dirties the page cache and ends: the kernel writes it to the disk later. */
static void write_buffered(void)
{
	write_file();
	truth->bytes = FILE_BYTES;
}

pid_t prepare_file(void)
{
	int file;

	if (access(FILE_PATH, R_OK))
		write_file();
	file = open(FILE_PATH, O_RDONLY);
	fsync(file);
	posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	close(file);
	return 0;
}

int open_direct(void)
{
	int file = open(FILE_PATH, O_RDONLY | O_DIRECT);

	if (file < 0)
		die(FILE_PATH);
	return file;
}

off_t random_page(void)
{
	return (random() % (FILE_BYTES / PAGE)) * PAGE;
}

static void read_direct(void)
{
	char *page = aligned_alloc(PAGE, PAGE);
	int file = open_direct();

	for (; now() < deadline; truth->operations++, truth->bytes += PAGE)
		BLOCKED(if (pread(file, page, PAGE, random_page()) != PAGE) die("pread"));
	close(file);
	free(page);
}

static void read_mapped(void)
{
	int file = open(FILE_PATH, O_RDONLY);
	volatile char *bytes = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, file, 0);

	if (file < 0 || bytes == MAP_FAILED)
		die(FILE_PATH);
	madvise((void *)bytes, FILE_BYTES, MADV_RANDOM);
	/* A step coprime to the number of pages visits each once, far from the previous one. */
	for (long page = 0; now() < deadline; page = (page + 1021) % (FILE_BYTES / PAGE))
		BLOCKED((void)bytes[page * PAGE]);
}

const struct kind file_kinds[] = {
	{ "direct", prepare_file, read_direct },
	{ "mapped", prepare_file, read_mapped },
	{ "buffered", NULL, write_buffered },
	{ 0 },
};

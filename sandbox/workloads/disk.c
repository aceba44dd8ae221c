/*
 * disk: reads and writes a file past the page cache and syncs it, so that a request spends its time waiting for the
 * device, whatever is cached and however fast the device is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "workload.h"

/*
 * A large read takes many times longer on the device than on the CPU, and than the wait for a busy CPU after it, on
 * virtual disks too. 4 KiB is the alignment that O_DIRECT needs on every common device.
 */
enum { READ_SIZE = 16 << 20, WRITE_SIZE = 4096, FILE_SIZE = 4 * READ_SIZE, HUGE_PAGE_SIZE = 2 << 20 };

static const char *directory;
static int64_t reads = 1;
static const struct flag flags[] = {
	{ "dir", "directory of the file; $TMPDIR or /tmp, not in memory", FLAG_TEXT, .text = &directory },
	{ "reads", "direct reads of 16 MiB per request, before one write and fsync (1)", FLAG_COUNT, .number = &reads },
	{ 0 },
};

static int file;
/* Shared by all threads: the content is not used. */
static char *buffer;

static void refuse_memory_file_system(void)
{
	struct statfs fs;

	if (fstatfs(file, &fs) != 0)
		die("cannot identify the file system of %s: %s", directory, strerror(errno));
	if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
		die("%s is in memory, not on a disk; give another directory with --dir", directory);
}

/* Real data in every block: reading a hole or a preallocated block does not reach the device. */
static void fill_file(void)
{
	memset(buffer, 'k', READ_SIZE);
	for (off_t at = 0; at < FILE_SIZE; at += READ_SIZE) {
		if (pwrite(file, buffer, READ_SIZE, at) != READ_SIZE)
			die("cannot write a file of %d KiB in %s: %s", FILE_SIZE / 1024, directory, strerror(errno));
	}
	if (fsync(file) != 0)
		die("cannot sync a file in %s: %s", directory, strerror(errno));
}

/* A read into eight huge pages costs a fraction of the CPU time of one into thousands of small pages. */
static void make_buffer(void)
{
	buffer = aligned_alloc(HUGE_PAGE_SIZE, READ_SIZE);
	if (!buffer)
		die("cannot get %d MiB of memory", READ_SIZE >> 20);
	madvise(buffer, READ_SIZE, MADV_HUGEPAGE);
}

static void open_file(void)
{
	char path[4096];

	make_buffer();
	if (!directory)
		directory = getenv("TMPDIR");
	if (!directory || !*directory)
		directory = "/tmp";
	snprintf(path, sizeof(path), "%s/workload-disk.XXXXXX", directory);
	file = mkostemp(path, O_DIRECT | O_CLOEXEC);
	if (file < 0)
		die("cannot create a file for direct I/O in %s: %s; give another directory with --dir", directory,
		    strerror(errno));
	unlink(path);
	refuse_memory_file_system();
	fill_file();
}

static off_t random_offset(int step)
{
	static _Thread_local unsigned int seed = 1;

	return (off_t)(rand_r(&seed) % (FILE_SIZE / step)) * step;
}

static int work(struct worker *worker, char body[HTTP_BODY_SIZE])
{
	bool ok = true;

	(void)worker;
	for (int64_t i = 0; i < reads && ok; i++)
		ok = pread(file, buffer, READ_SIZE, random_offset(READ_SIZE)) == READ_SIZE;
	ok = ok && pwrite(file, buffer, WRITE_SIZE, random_offset(WRITE_SIZE)) == WRITE_SIZE && fsync(file) == 0;
	if (!ok) {
		snprintf(body, HTTP_BODY_SIZE, "the disk failed: %s", strerror(errno));
		return 500;
	}
	snprintf(body, HTTP_BODY_SIZE, "read %d times, wrote and synced once", (int)reads);
	return 200;
}

static _Noreturn void serve(int listener)
{
	serve_by_threads(listener, work);
}

const struct kind disk_kind = { "disk", "direct reads, a write and an fsync per request", flags, open_file, serve };

/*
 * disk direct FILE: O_DIRECT reads, one at a time.
 * disk fsync FILE: small writes, each followed by fsync.
 * disk buffered FILE: many writes into the page cache, then fsync.
 * disk fault FILE: touches pages of a mapped file that are not in the page cache.
 * disk aio FILE: O_DIRECT reads through io_submit and io_getevents.
 * disk aio-idle FILE: waits in io_getevents without a submitted request, as a database's threads do.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "truth.h"

enum { BLOCK = 4096, BLOCKS = 4096 };

static off_t random_offset(void)
{
	return (off_t)(random() % BLOCKS) * BLOCK;
}

static void *aligned_block(void)
{
	void *block;

	if (posix_memalign(&block, BLOCK, BLOCK))
		die("posix_memalign");
	memset(block, 1, BLOCK);
	return block;
}

static void fill(const char *path)
{
	int fd = check(open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600), path);
	void *block = aligned_block();

	for (int i = 0; i < BLOCKS; i++)
		check(write(fd, block, BLOCK), "write");
	check(fsync(fd), "fsync");
	close(fd);
	free(block);
}

static void direct(const char *path)
{
	int fd = check(open(path, O_RDONLY | O_DIRECT), path);
	void *block = aligned_block();

	ready(0);
	for (;;)
		check(pread(fd, block, BLOCK, random_offset()), "pread");
}

static void synced(const char *path)
{
	int fd = check(open(path, O_WRONLY), path);
	void *block = aligned_block();

	ready(0);
	for (;;) {
		check(pwrite(fd, block, BLOCK, random_offset()), "pwrite");
		check(fsync(fd), "fsync");
	}
}

static void buffered(const char *path)
{
	int fd = check(open(path, O_WRONLY), path);
	void *block = aligned_block();

	ready(0);
	for (;;) {
		for (int i = 0; i < 64; i++)
			check(pwrite(fd, block, BLOCK, random_offset()), "pwrite");
		check(fdatasync(fd), "fdatasync");
	}
}

static void fault(const char *path)
{
	int fd = check(open(path, O_RDONLY), path);
	volatile char *pages = mmap(NULL, (size_t)BLOCK * BLOCKS, PROT_READ, MAP_SHARED, fd, 0);

	if (pages == MAP_FAILED)
		die("mmap");
	madvise((void *)pages, (size_t)BLOCK * BLOCKS, MADV_RANDOM);
	ready(0);
	for (;;) {
		madvise((void *)pages, (size_t)BLOCK * BLOCKS, MADV_DONTNEED);
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		for (int i = 0; i < BLOCKS; i++)
			(void)pages[random_offset()];
	}
}

static void aio(const char *path, bool idle)
{
	int fd = check(open(path, O_RDONLY | O_DIRECT), path);
	aio_context_t context = 0;
	struct io_event event;
	struct iocb request = {
		.aio_fildes = fd,
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_buf = (unsigned long)aligned_block(),
		.aio_nbytes = BLOCK,
	};
	struct iocb *requests[] = { &request };

	check(syscall(SYS_io_setup, 1, &context), "io_setup");
	ready(0);
	while (idle)
		check(syscall(SYS_io_getevents, context, 1, 1, &event, &(struct timespec){ .tv_nsec = 500000000 }),
		      "io_getevents");
	for (;;) {
		request.aio_offset = random_offset();
		check(syscall(SYS_io_submit, context, 1, requests), "io_submit");
		check(syscall(SYS_io_getevents, context, 1, 1, &event, NULL), "io_getevents");
	}
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	fill(argv[2]);
	if (is_mode(argv[1], "direct"))
		direct(argv[2]);
	else if (is_mode(argv[1], "fsync"))
		synced(argv[2]);
	else if (is_mode(argv[1], "buffered"))
		buffered(argv[2]);
	else if (is_mode(argv[1], "fault"))
		fault(argv[2]);
	else if (is_mode(argv[1], "aio") || is_mode(argv[1], "aio-idle"))
		aio(argv[2], is_mode(argv[1], "aio-idle"));
	return 2;
}

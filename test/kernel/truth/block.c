/*
 * block DEVICE: runs the requests on standard input on a block device, one line each: OP BYTES TIMES, where OP is read,
 * write, dsync (write through the device's cache), merge (adjacent writes submitted together), flush or discard. Prints
 * `done N` after each line, N being the number of failed requests.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "truth.h"

enum { ALIGNMENT = 4096, MAX_BYTES = 4 << 20, MAX_MERGED = 64 };

static char *buffer;
static aio_context_t context;

static long submit_together(int fd, size_t bytes, int times)
{
	struct iocb requests[MAX_MERGED] = {}, *list[MAX_MERGED];
	struct io_event events[MAX_MERGED];
	long failed = 0;

	for (int i = 0; i < times; i++) {
		requests[i].aio_fildes = fd;
		requests[i].aio_lio_opcode = IOCB_CMD_PWRITE;
		requests[i].aio_buf = (uintptr_t)buffer;
		requests[i].aio_nbytes = bytes;
		requests[i].aio_offset = i * bytes;
		list[i] = &requests[i];
	}
	check(syscall(SYS_io_submit, context, times, list), "io_submit");
	check(syscall(SYS_io_getevents, context, times, times, events, NULL), "io_getevents");
	for (int i = 0; i < times; i++)
		failed += events[i].res != (long long)bytes;
	return failed;
}

static bool do_once(const char *op, int fd, int synced, size_t bytes, off_t offset)
{
	uint64_t range[] = { offset, bytes };

	if (is_mode(op, "read"))
		return pread(fd, buffer, bytes, offset) == (ssize_t)bytes;
	if (is_mode(op, "write"))
		return pwrite(fd, buffer, bytes, offset) == (ssize_t)bytes;
	if (is_mode(op, "dsync"))
		return pwrite(synced, buffer, bytes, offset) == (ssize_t)bytes;
	if (is_mode(op, "flush"))
		return !fsync(fd);
	if (is_mode(op, "discard"))
		return !ioctl(fd, BLKDISCARD, range);
	exit(2);
}

int main(int argc, char **argv)
{
	int fd, synced, times;
	size_t bytes;
	char op[16];

	if (argc != 2)
		return 2;
	fd = check(open(argv[1], O_RDWR | O_DIRECT), argv[1]);
	synced = check(open(argv[1], O_RDWR | O_DIRECT | O_DSYNC), argv[1]);
	if (posix_memalign((void **)&buffer, ALIGNMENT, MAX_BYTES))
		die("posix_memalign");
	memset(buffer, 1, MAX_BYTES);
	check(syscall(SYS_io_setup, MAX_MERGED, &context), "io_setup");
	ready(0);
	while (scanf("%15s %zu %d", op, &bytes, &times) == 3) {
		long failed = 0;

		if (is_mode(op, "merge"))
			failed = submit_together(fd, bytes, times);
		else
			for (int i = 0; i < times; i++)
				failed += !do_once(op, fd, synced, bytes, i * bytes);
		printf("done %ld\n", failed);
		fflush(stdout);
	}
	return 0;
}

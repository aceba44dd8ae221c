// SPDX-License-Identifier: Apache-2.0
/*
 * One request at a time through io_uring. The kernel marks every wait for a completion as a wait for I/O, whatever
 * the request: by that mark a timer and an idle server look like a disk.
 */
#define _GNU_SOURCE
#include "tasks.h"

#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
	int fd;
	char *memory; /* both queues: since 5.4 they share one mapping */
	struct io_uring_params params;
	struct io_uring_sqe *requests;
};

static struct ring open_ring(void)
{
	struct ring ring = {};
	size_t size;

	ring.fd = (int)syscall(SYS_io_uring_setup, 1, &ring.params);
	if (ring.fd < 0)
		die("io_uring_setup");
	size = ring.params.cq_off.cqes + ring.params.cq_entries * sizeof(struct io_uring_cqe);
	ring.memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQ_RING);
	ring.requests = mmap(NULL, ring.params.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
			     MAP_SHARED, ring.fd, IORING_OFF_SQES);
	if (ring.memory == MAP_FAILED || ring.requests == MAP_FAILED)
		die("mmap of the ring");
	return ring;
}

static unsigned int *at(struct ring *ring, unsigned int offset)
{
	return (unsigned int *)(ring->memory + offset);
}

/* Submits the request, waits for its completion and returns its result. */
static int complete(struct ring *ring, struct io_uring_sqe request)
{
	unsigned int *tail = at(ring, ring->params.sq_off.tail), *head = at(ring, ring->params.cq_off.head);
	struct io_uring_cqe *completions = (struct io_uring_cqe *)(ring->memory + ring->params.cq_off.cqes);
	int result;

	ring->requests[0] = request;
	at(ring, ring->params.sq_off.array)[*tail & (ring->params.sq_entries - 1)] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		die("io_uring_enter");
	result = completions[*head & (ring->params.cq_entries - 1)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

static void uring_read(void)
{
	struct ring ring = open_ring();
	struct io_uring_sqe read = { .opcode = IORING_OP_READ, .fd = open_direct(), .len = PAGE };
	char *page = aligned_alloc(PAGE, PAGE);

	read.addr = (unsigned long)page;
	while (now() < deadline) {
		read.off = (unsigned long long)random_page();
		BLOCKED(if (complete(&ring, read) != PAGE) die("read"));
	}
	free(page);
}

static void uring_sleep(void)
{
	struct ring ring = open_ring();
	struct __kernel_timespec time = {};
	struct io_uring_sqe timer = { .opcode = IORING_OP_TIMEOUT, .fd = -1, .addr = (unsigned long)&time, .len = 1 };
	double left = deadline - now();

	time.tv_sec = (long long)left;
	time.tv_nsec = (long long)((left - (double)time.tv_sec) * 1e9);
	BLOCKED(complete(&ring, timer));
}

static void uring_serve(void)
{
	struct ring ring = open_ring();
	char bytes[64];
	struct io_uring_sqe receive = { .opcode = IORING_OP_RECV, .addr = (unsigned long)bytes, .len = sizeof(bytes) };

	BLOCKED(receive.fd = accept(channel[0], NULL, NULL));
	while (now() < deadline) {
		BLOCKED(if (complete(&ring, receive) != sizeof(bytes)) die("recv"));
		if (write(receive.fd, bytes, sizeof(bytes)) != sizeof(bytes))
			die("write");
	}
}

const struct kind uring_kinds[] = {
	{ "uring-read", prepare_file, uring_read },
	{ "uring-sleep", NULL, uring_sleep },
	{ "uring-serve", prepare_client, uring_serve },
	{ 0 },
};

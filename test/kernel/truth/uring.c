/*
 * Through io_uring, with the kernel's interface alone:
 * uring disk FILE: O_DIRECT reads, one at a time. uring timer -: time-outs. uring accept -: waits for connections.
 * uring client PORT: sends a request and waits for the response, again and again. uring timed PORT: the same, with a
 * time-out that ends the wait if there is no response.
 * uring thread PORT, uring disk-thread FILE: as client and disk, but the kernel's own thread submits
 * (IORING_SETUP_SQPOLL).
 * uring registered -: reads a silent connection as a file registered with the ring.
 * uring written FILE: waits for connections after a write that has finished. uring beside FILE: the same, next to a
 * thread that writes through to the disk all the time.
 * uring worker FILE: has a thread of the kernel write through to the disk all the time.
 * uring spin -: keeps the kernel's submission thread looking for requests.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "truth.h"

enum { ENTRIES = 8, BLOCK = 4096, BLOCKS = 1024, MESSAGE = 64, SPIN_MS = 3600000 };

static struct {
	int fd;
	unsigned int *sq_tail, *sq_flags, *sq_array, *cq_head, *cq_tail;
	unsigned int sq_mask, cq_mask;
	struct io_uring_sqe *requests;
	struct io_uring_cqe *results;
} ring;

static char *map_ring(size_t size, off_t offset)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, offset);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

static void make_ring(unsigned int flags, unsigned int spin_ms)
{
	struct io_uring_params params = { .flags = flags, .sq_thread_idle = spin_ms };
	char *sq, *cq;

	ring.fd = check(syscall(SYS_io_uring_setup, ENTRIES, &params), "io_uring_setup");
	sq = map_ring(params.sq_off.array + params.sq_entries * sizeof(unsigned int), IORING_OFF_SQ_RING);
	cq = map_ring(params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
	ring.requests = (void *)map_ring(params.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	ring.sq_tail = (void *)(sq + params.sq_off.tail);
	ring.sq_flags = (void *)(sq + params.sq_off.flags);
	ring.sq_array = (void *)(sq + params.sq_off.array);
	ring.sq_mask = *(unsigned int *)(sq + params.sq_off.ring_mask);
	ring.cq_head = (void *)(cq + params.cq_off.head);
	ring.cq_tail = (void *)(cq + params.cq_off.tail);
	ring.cq_mask = *(unsigned int *)(cq + params.cq_off.ring_mask);
	ring.results = (void *)(cq + params.cq_off.cqes);
}

static void add(struct io_uring_sqe request)
{
	unsigned int tail = *ring.sq_tail;

	ring.requests[tail & ring.sq_mask] = request;
	ring.sq_array[tail & ring.sq_mask] = tail & ring.sq_mask;
	__atomic_store_n(ring.sq_tail, tail + 1, __ATOMIC_RELEASE);
}

/* Submits the added requests and waits for that many results. */
static void enter(unsigned int added, unsigned int results)
{
	unsigned int flags = IORING_ENTER_GETEVENTS;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (*(volatile unsigned int *)ring.sq_flags & IORING_SQ_NEED_WAKEUP)
		flags |= IORING_ENTER_SQ_WAKEUP;
	check(syscall(SYS_io_uring_enter, ring.fd, added, results, flags, NULL, 0), "io_uring_enter");
}

/* Submits one request and waits for its result. */
static int perform(struct io_uring_sqe request)
{
	int result;

	add(request);
	enter(1, 1);
	if (*ring.cq_head == __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE))
		die("no completion");
	result = ring.results[*ring.cq_head & ring.cq_mask].res;
	__atomic_store_n(ring.cq_head, *ring.cq_head + 1, __ATOMIC_RELEASE);
	return result;
}

static void *aligned_block(void)
{
	void *block;

	if (posix_memalign(&block, BLOCK, BLOCK))
		die("posix_memalign");
	return memset(block, 1, BLOCK);
}

__attribute__((noreturn)) static void read_disk(const char *path)
{
	int fd = check(open(path, O_CREAT | O_RDWR | O_TRUNC, 0600), path);
	char *block = aligned_block();

	for (int i = 0; i < BLOCKS; i++)
		check(write(fd, block, BLOCK), "write");
	check(fsync(fd), "fsync");
	check(fd = open(path, O_RDONLY | O_DIRECT), path);
	ready(0);
	for (;;) {
		struct io_uring_sqe request = {
			.opcode = IORING_OP_READ, .fd = fd, .addr = (uintptr_t)block, .len = BLOCK
		};

		request.off = (uint64_t)(random() % BLOCKS) * BLOCK;
		if (perform(request) != BLOCK)
			die("read");
	}
}

__attribute__((noreturn)) static void wait_for_time(void)
{
	struct __kernel_timespec length = { .tv_nsec = 5000000 };
	struct io_uring_sqe request = { .opcode = IORING_OP_TIMEOUT, .fd = -1, .addr = (uintptr_t)&length, .len = 1 };

	ready(0);
	for (;;)
		perform(request);
}

static struct io_uring_sqe accept_request(void)
{
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	check(listen(fd, 16), "listen");
	return (struct io_uring_sqe){ .opcode = IORING_OP_ACCEPT, .fd = fd };
}

__attribute__((noreturn)) static void accept_forever(void)
{
	struct io_uring_sqe request = accept_request();

	ready(0);
	for (;;)
		perform(request);
}

static int open_through(const char *path)
{
	return check(open(path, O_CREAT | O_WRONLY | O_DSYNC, 0600), path);
}

__attribute__((noreturn)) static void *write_through(void *path)
{
	int fd = open_through(path);
	char *block = aligned_block();

	for (;;)
		check(pwrite(fd, block, BLOCK, 0), "pwrite");
}

__attribute__((noreturn)) static void accept_after_write(char *path, bool beside)
{
	struct io_uring_sqe request = { .opcode = IORING_OP_WRITE, .fd = open_through(path), .len = BLOCK };
	pthread_t thread;

	request.addr = (uintptr_t)aligned_block();
	add(accept_request());
	enter(1, 0);
	if (perform(request) != BLOCK)
		die("write");
	if (beside && pthread_create(&thread, NULL, write_through, path))
		die("pthread_create");
	ready(0);
	for (;;)
		enter(0, 1);
}

__attribute__((noreturn)) static void write_by_worker(const char *path)
{
	struct io_uring_sqe request = {
		.opcode = IORING_OP_WRITE, .flags = IOSQE_ASYNC, .fd = open_through(path), .len = BLOCK
	};

	request.addr = (uintptr_t)aligned_block();
	ready(0);
	for (;;)
		if (perform(request) != BLOCK)
			die("write");
}

__attribute__((noreturn)) static void spin(void)
{
	/* The thread starts to look for more once it has had a request. */
	perform((struct io_uring_sqe){ .opcode = IORING_OP_NOP });
	ready(0);
	for (;;)
		pause();
}

__attribute__((noreturn)) static void read_registered(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
	int client = check(socket(AF_INET, SOCK_STREAM, 0), "socket"), accepted;
	socklen_t length = sizeof(address);
	char message[MESSAGE];
	struct io_uring_sqe request = { .opcode = IORING_OP_READ, .flags = IOSQE_FIXED_FILE, .len = MESSAGE };

	check(listen(listener, 1), "listen");
	check(getsockname(listener, (struct sockaddr *)&address, &length), "getsockname");
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(connect(client, (struct sockaddr *)&address, length), "connect");
	accepted = check(accept(listener, NULL, NULL), "accept");
	check(syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, &accepted, 1), "io_uring_register");
	request.addr = (uintptr_t)message;
	ready(0);
	for (;;)
		perform(request);
}

/* Waits for the response or the time-out submitted after it, and removes the time-out. */
static void receive_in_time(struct io_uring_sqe receive)
{
	struct __kernel_timespec length = { .tv_sec = 10 };
	struct io_uring_sqe timeout = {
		.opcode = IORING_OP_TIMEOUT, .fd = -1, .addr = (uintptr_t)&length, .user_data = 1
	};
	struct io_uring_sqe removal = { .opcode = IORING_OP_TIMEOUT_REMOVE, .fd = -1, .addr = timeout.user_data };

	add(receive);
	add(timeout);
	enter(2, 1);
	add(removal);
	enter(1, 3);
	*ring.cq_head += 3;
}

__attribute__((noreturn)) static void exchange(int port, bool timed)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
	char message[MESSAGE] = "";
	struct io_uring_sqe request = { .fd = fd, .addr = (uintptr_t)message, .len = MESSAGE };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(connect(fd, (struct sockaddr *)&address, sizeof(address)), "connect");
	ready(0);
	for (;;) {
		request.opcode = IORING_OP_SEND;
		if (perform(request) != MESSAGE)
			die("send");
		request.opcode = IORING_OP_RECV;
		if (timed)
			receive_in_time(request);
		else if (perform(request) <= 0)
			die("recv");
	}
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	if (is_mode(argv[1], "spin"))
		make_ring(IORING_SETUP_SQPOLL, SPIN_MS);
	else
		make_ring(strstr(argv[1], "thread") ? IORING_SETUP_SQPOLL : 0, 1);
	if (is_mode(argv[1], "spin"))
		spin();
	if (is_mode(argv[1], "written") || is_mode(argv[1], "beside"))
		accept_after_write(argv[2], is_mode(argv[1], "beside"));
	if (is_mode(argv[1], "worker"))
		write_by_worker(argv[2]);
	if (is_mode(argv[1], "disk") || is_mode(argv[1], "disk-thread"))
		read_disk(argv[2]);
	if (is_mode(argv[1], "timer"))
		wait_for_time();
	if (is_mode(argv[1], "registered"))
		read_registered();
	if (is_mode(argv[1], "accept"))
		accept_forever();
	exchange(atoi(argv[2]), is_mode(argv[1], "timed"));
}

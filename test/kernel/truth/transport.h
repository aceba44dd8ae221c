/* Ways in which a process can use a TCP socket, each a pair of functions; move_all() moves a whole message. */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <fcntl.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "truth.h"

/* A client's request: its server responds with `size` bytes after `delay_us`, in pieces `gap_us` apart. */
struct request {
	uint32_t id;
	uint32_t delay_us;
	uint32_t size;
	uint32_t pieces, gap_us;
	char padding[44];
};

enum { MESSAGE = sizeof(struct request), MAX_MESSAGE = 1 << 20 };

typedef ssize_t (*move)(int fd, void *bytes, size_t length);

struct transport {
	const char *name;
	bool nonblocking;
	move send, receive;
};

static inline ssize_t send_plain(int fd, void *bytes, size_t length)
{
	return send(fd, bytes, length, MSG_NOSIGNAL);
}

static inline ssize_t receive_plain(int fd, void *bytes, size_t length)
{
	return recv(fd, bytes, length, 0);
}

/* Looks ahead first, as for a message's length. */
static inline ssize_t receive_peeked(int fd, void *bytes, size_t length)
{
	ssize_t got = recv(fd, bytes, 1, MSG_PEEK);

	return got <= 0 ? got : recv(fd, bytes, length, 0);
}

static inline ssize_t receive_polled(int fd, void *bytes, size_t length)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	ssize_t got;

	while ((got = recv(fd, bytes, length, 0)) < 0 && errno == EAGAIN)
		check(poll(&pollfd, 1, -1), "poll");
	return got;
}

static inline ssize_t receive_epoll(int fd, void *bytes, size_t length)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = check(epoll_create1(0), "epoll_create1");
	ssize_t got;

	check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
	check(epoll_wait(epoll, &event, 1, -1), "epoll_wait");
	got = recv(fd, bytes, length, 0);
	close(epoll);
	return got;
}

static inline ssize_t send_file(int fd, void *bytes, size_t length)
{
	int file = check(memfd_create("response", 0), "memfd_create");
	ssize_t sent;

	check(pwrite(file, bytes, length, 0), "pwrite");
	sent = sendfile(fd, file, NULL, length);
	close(file);
	return sent;
}

static inline ssize_t receive_spliced(int fd, void *bytes, size_t length)
{
	ssize_t got;
	int ends[2];

	check(pipe(ends), "pipe");
	got = splice(fd, NULL, ends[1], NULL, length < 65536 ? length : 65536, SPLICE_F_MOVE);
	if (got > 0)
		check(read(ends[0], bytes, got), "read");
	close(ends[0]);
	close(ends[1]);
	return got;
}

/* Runs one request on a ring of its own: slow but sufficient. */
static inline ssize_t uring(int opcode, int fd, void *bytes, size_t length)
{
	struct io_uring_params params = {};
	int ring = check(syscall(SYS_io_uring_setup, 1, &params), "io_uring_setup");
	size_t sq_size = params.sq_off.array + params.sq_entries * sizeof(unsigned int);
	size_t cq_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
	size_t size = sq_size > cq_size ? sq_size : cq_size;
	char *queues = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	struct io_uring_sqe *request =
		mmap(NULL, sizeof(*request), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	ssize_t result;

	if (queues == MAP_FAILED || request == MAP_FAILED)
		die("mmap");
	*request = (struct io_uring_sqe){ .opcode = opcode, .fd = fd, .addr = (uintptr_t)bytes, .len = length };
	__atomic_store_n((unsigned int *)(queues + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	check(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0), "io_uring_enter");
	result = ((struct io_uring_cqe *)(queues + params.cq_off.cqes))->res;
	munmap(queues, size);
	munmap(request, sizeof(*request));
	close(ring);
	return result;
}

static inline ssize_t send_uring(int fd, void *bytes, size_t length)
{
	return uring(IORING_OP_SEND, fd, bytes, length);
}

static inline ssize_t receive_uring(int fd, void *bytes, size_t length)
{
	return uring(IORING_OP_RECV, fd, bytes, length);
}

static const struct transport transports[] = {
	{ "blocking", false, send_plain, receive_plain },
	{ "peeking", false, send_plain, receive_peeked },
	{ "nonblocking", true, send_plain, receive_polled },
	{ "epoll", false, send_plain, receive_epoll },
	{ "io_uring", false, send_uring, receive_uring },
	{ "splice", false, send_file, receive_spliced },
	{ 0 },
};

static inline const struct transport *find_transport(const char *name)
{
	for (const struct transport *transport = transports; transport->name; transport++)
		if (is_mode(transport->name, name))
			return transport;
	errno = EINVAL;
	die("%s", name);
}

/* Returns false at the end of the connection. */
static inline bool move_all(move move, int fd, void *bytes, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t moved = move(fd, (char *)bytes + done, length - done);

		if (moved <= 0)
			return false;
		done += moved;
	}
	return true;
}

static inline void prepare(int fd, const struct transport *transport)
{
	int one = 1;

	check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), "TCP_NODELAY");
	if (transport->nonblocking)
		check(fcntl(fd, F_SETFL, O_NONBLOCK), "O_NONBLOCK");
}

static inline socklen_t loopback(struct sockaddr_storage *address, const char *family, int port)
{
	struct sockaddr_in *v4 = (void *)address;
	struct sockaddr_in6 *v6 = (void *)address;

	memset(address, 0, sizeof(*address));
	if (is_mode(family, "ipv6")) {
		*v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
					     .sin6_port = htons(port),
					     .sin6_addr = IN6ADDR_LOOPBACK_INIT };
		return sizeof(*v6);
	}
	*v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(*v4);
}

#endif

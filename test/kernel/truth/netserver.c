/*
 * netserver MODE FAMILY: responds as each request demands, and measures the time.
 *   MODE: a transport; or muxed: sends each response of a connection when it is due, in any order;
 *   half: reads to the end of data first; reset: resets the connection upon a request; deaf: drops what arrives in the
 *   first 0.3 s of a connection; gone: drops everything; full: accepts no connection, and has room for one.
 * After each line on its input it prints the number of responses and their seconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/filter.h>
#include <pthread.h>

#include "transport.h"

static const struct transport *transport;
static const char *mode;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long responses;
static double seconds;

struct call {
	int fd;
	double began;
	struct request request;
};

static void respond(const struct call *call)
{
	char *bytes = calloc(1, MAX_MESSAGE);
	uint32_t piece = call->request.size / call->request.pieces;
	double took;

	sleep_seconds(call->began + call->request.delay_us * 1e-6 - now_seconds());
	memcpy(bytes, &call->request, MESSAGE);
	took = now_seconds() - call->began;
	for (uint32_t i = 0; i < call->request.pieces; i++) {
		if (i)
			sleep_seconds(call->request.gap_us * 1e-6);
		/* On a multiplexed connection each piece is a message of its own. */
		pthread_mutex_lock(&lock);
		if (i == 0) {
			responses++;
			seconds += took;
		}
		move_all(transport->send, call->fd, bytes, piece);
		pthread_mutex_unlock(&lock);
	}
	free(bytes);
}

static void *respond_when_due(void *call)
{
	respond(call);
	free(call);
	return NULL;
}

static void start(const struct call *call)
{
	struct call *copy = malloc(sizeof(*copy));
	pthread_t thread;

	*copy = *call;
	if (pthread_create(&thread, NULL, respond_when_due, copy))
		die("pthread_create");
	pthread_detach(thread);
}

static void reset(int fd)
{
	struct linger none = { .l_onoff = 1 };

	check(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)), "SO_LINGER");
}

/* Upon a request, drops segments before they reach the socket, as a bad network does. */
static void be_deaf(int fd)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = { .len = 1, .filter = &nothing };
	char asked;

	check(read(fd, &asked, 1), "read");
	check(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)), "SO_ATTACH_FILTER");
	check(write(fd, "!", 1), "write"); /* announces the loss to the client */
	sleep_seconds(is_mode(mode, "gone") ? 3600 : 0.3);
	check(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &nothing, sizeof(nothing)), "SO_DETACH_FILTER");
}

static void *serve(void *argument)
{
	struct call call = { .fd = (int)(intptr_t)argument };
	char rest;

	if (is_mode(mode, "deaf") || is_mode(mode, "gone"))
		be_deaf(call.fd);
	while (move_all(transport->receive, call.fd, &call.request, MESSAGE)) {
		if (is_mode(mode, "half"))
			while (transport->receive(call.fd, &rest, 1) > 0)
				;
		call.began = now_seconds();
		if (is_mode(mode, "reset")) {
			reset(call.fd);
			break;
		}
		if (is_mode(mode, "muxed"))
			start(&call);
		else
			respond(&call);
	}
	if (!is_mode(mode, "muxed"))
		close(call.fd);
	return NULL;
}

static void *report(void *unused)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin)) {
		pthread_mutex_lock(&lock);
		printf("{\"count\":%ld,\"seconds\":%.6f}\n", responses, seconds);
		pthread_mutex_unlock(&lock);
		fflush(stdout);
	}
	return unused;
}

int main(int argc, char **argv)
{
	struct sockaddr_storage address;
	socklen_t length;
	pthread_t thread;
	bool has_transport = false;
	int listener;

	if (argc != 3)
		return 2;
	mode = argv[1];
	for (const struct transport *each = transports; each->name; each++)
		has_transport |= is_mode(each->name, mode);
	transport = find_transport(has_transport ? mode : "blocking");
	length = loopback(&address, argv[2], 0);
	listener = check(socket(address.ss_family, SOCK_STREAM, 0), "socket");
	check(bind(listener, (struct sockaddr *)&address, length), "bind");
	check(listen(listener, is_mode(mode, "full") ? 0 : 256), "listen");
	check(getsockname(listener, (struct sockaddr *)&address, &length), "getsockname");
	if (pthread_create(&thread, NULL, report, NULL))
		die("pthread_create");
	ready(ntohs(((struct sockaddr_in *)&address)->sin_port)); /* sin6_port is at the same offset */
	if (is_mode(mode, "full"))
		pthread_join(thread, NULL);
	for (;;) {
		int fd = check(accept(listener, NULL, NULL), "accept");

		prepare(fd, transport);
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd))
			die("pthread_create");
		pthread_detach(thread);
	}
}

/*
 * datagram server MILLISECONDS low | high: responds to each datagram after that time, on a port below the ephemeral range
 * or on one inside it that it binds by number.
 * datagram connected | unconnected | poll | dns PORT: sends it one request at a time; dns through the C library.
 * datagram slow PORT: the same, with 20 ms between requests.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <sys/socket.h>

#include "truth.h"

enum { MESSAGE = 512 };

static struct sockaddr_in address = { .sin_family = AF_INET };

static bool bind_to(int fd, int port)
{
	address.sin_port = htons(port);
	return !bind(fd, (struct sockaddr *)&address, sizeof(address));
}

/* Binds a port below the ephemeral range, or high up in it. */
static int bind_by_number(int fd, bool low)
{
	for (int i = 0; i < 10000; i++) {
		int port = low ? 20000 + i : 60000 - i;

		if (bind_to(fd, port))
			return port;
	}
	die("bind");
}

__attribute__((noreturn)) static void serve(double delay, bool low)
{
	int fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	char message[MESSAGE];
	struct sockaddr_in peer;

	ready(bind_by_number(fd, low));
	for (;;) {
		socklen_t length = sizeof(peer);
		long bytes =
			check(recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *)&peer, &length), "recvfrom");

		if (delay > 0)
			sleep_seconds(delay);
		message[2] |= 0x80; /* marks a response for the DNS client */
		check(sendto(fd, message, bytes, 0, (struct sockaddr *)&peer, length), "sendto");
	}
}

static void query_resolver(void)
{
	unsigned char response[MESSAGE];
	struct __res_state resolver = {};

	check(res_ninit(&resolver), "res_ninit");
	resolver.nscount = 1;
	resolver.nsaddr_list[0] = address;
	ready(0);
	for (;;)
		res_nquery(&resolver, "kernscale.test", 1, 1, response, sizeof(response));
}

__attribute__((noreturn)) static void exchange(bool connected, bool polls, double pause)
{
	int fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	char message[MESSAGE] = "";

	if (connected)
		check(connect(fd, (struct sockaddr *)&address, sizeof(address)), "connect");
	ready(0);
	for (;;) {
		check(connected ? send(fd, message, 64, 0) :
				  sendto(fd, message, 64, 0, (struct sockaddr *)&address, sizeof(address)),
		      "send");
		if (polls)
			check(poll(&pollfd, 1, 5000), "poll");
		check(recv(fd, message, sizeof(message), 0), "recv");
		if (pause > 0)
			sleep_seconds(pause);
	}
}

int main(int argc, char **argv)
{
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (argc == 4 && is_mode(argv[1], "server"))
		serve(atof(argv[2]) / 1000, is_mode(argv[3], "low"));
	if (argc != 3)
		return 2;
	address.sin_port = htons(atoi(argv[2]));
	if (is_mode(argv[1], "dns"))
		query_resolver();
	exchange(!is_mode(argv[1], "unconnected"), is_mode(argv[1], "poll"), is_mode(argv[1], "slow") ? 0.02 : 0);
}

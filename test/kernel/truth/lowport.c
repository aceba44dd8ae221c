/*
 * lowport tcp | udp: in a network namespace whose ephemeral ports begin at 1024, sends requests to a child process that
 * takes 20 ms for each response.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "truth.h"

static const char range[] = "1024 9999";

static void enter_namespace(void)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int sysctl;

	check(unshare(CLONE_NEWNET), "unshare");
	check(ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &loopback), "SIOCSIFFLAGS");
	sysctl = check(open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY), "ip_local_port_range");
	check(write(sysctl, range, sizeof(range) - 1), range);
	close(sysctl);
}

__attribute__((noreturn)) static void serve(int fd, bool stream)
{
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);
	char message[64];
	long bytes;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (stream)
		fd = check(accept(fd, NULL, NULL), "accept");
	for (;;) {
		bytes = check(recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *)&peer, &length), "recvfrom");
		sleep_seconds(0.02);
		check(sendto(fd, message, bytes, 0, stream ? NULL : (struct sockaddr *)&peer, stream ? 0 : length),
		      "sendto");
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons(80) };
	bool stream = argc == 2 && is_mode(argv[1], "tcp");
	int type = stream ? SOCK_STREAM : SOCK_DGRAM, server, client;
	char message[64] = "";

	if (argc != 2)
		return 2;
	enter_namespace();
	server = check(socket(AF_INET, type, 0), "socket");
	check(bind(server, (struct sockaddr *)&address, sizeof(address)), "bind");
	if (stream)
		check(listen(server, 1), "listen");
	if (!check(fork(), "fork"))
		serve(server, stream);
	client = check(socket(AF_INET, type, 0), "socket");
	check(connect(client, (struct sockaddr *)&address, sizeof(address)), "connect");
	ready(0);
	for (;;) {
		check(send(client, message, sizeof(message), 0), "send");
		check(recv(client, message, sizeof(message), 0), "recv");
	}
}

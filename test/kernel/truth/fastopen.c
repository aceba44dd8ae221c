/*
 * fastopen COUNT: in a network of its own, sends COUNT requests on as many connections, each with the SYN that opens it
 * (TCP_FASTOPEN), to a thread that responds after 5 ms. Prints how many responses it got, and their seconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "truth.h"

enum { MESSAGE = 64 };

static struct sockaddr_in address = { .sin_family = AF_INET };

static void isolate(void)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	check(unshare(CLONE_NEWNET), "unshare");
	fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	check(ioctl(fd, SIOCSIFFLAGS, &loopback), "SIOCSIFFLAGS");
	close(fd);
	fd = check(open("/proc/sys/net/ipv4/tcp_fastopen", O_WRONLY), "tcp_fastopen");
	/* Client, server, and data without a cookie on both sides. */
	check(write(fd, "519", 3), "tcp_fastopen"); /* 1 | 2 | 4 | 0x200 */
	close(fd);
}

static void *serve(void *argument)
{
	char message[MESSAGE];

	for (;;) {
		int fd = check(accept((int)(intptr_t)argument, NULL, NULL), "accept");

		if (recv(fd, message, sizeof(message), MSG_WAITALL) == sizeof(message)) {
			sleep_seconds(5e-3);
			send(fd, message, sizeof(message), MSG_NOSIGNAL);
		}
		close(fd);
	}
	return NULL;
}

static void listen_apart(void)
{
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket"), length_of_queue = 64;
	socklen_t length = sizeof(address);
	pthread_t thread;

	check(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &length_of_queue, sizeof(length_of_queue)), "TCP_FASTOPEN");
	check(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
	check(listen(fd, 64), "listen");
	check(getsockname(fd, (struct sockaddr *)&address, &length), "getsockname");
	if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd))
		die("pthread_create");
}

int main(int argc, char **argv)
{
	char message[MESSAGE] = "";
	double seconds = 0;
	long answered = 0;

	if (argc != 2)
		return 2;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	isolate();
	listen_apart();
	ready(ntohs(address.sin_port));
	await_line();
	for (long i = 0; i < atol(argv[1]); i++) {
		int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
		double began = now_seconds();

		check(sendto(fd, message, sizeof(message), MSG_FASTOPEN, (struct sockaddr *)&address, sizeof(address)),
		      "sendto");
		if (recv(fd, message, sizeof(message), MSG_WAITALL) == sizeof(message)) {
			answered++;
			seconds += now_seconds() - began;
		}
		close(fd);
	}
	printf("{\"answered\":%ld,\"seconds\":%.6f}\n", answered, seconds);
	fflush(stdout);
	pause();
}

/*
 * fill DIRECTORY COUNT: runs one process after the other in the cgroups DIRECTORY/0 to DIRECTORY/COUNT-1. Each waits
 * for a pipe, sleeps, reads from the disk of the working directory and sends requests to a TCP server, so that its
 * container has nearly every kind of counter.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCK = 4096, ROUNDS = 3 };

static const char FILE_NAME[] = "fill";
static struct sockaddr_in server = { .sin_family = AF_INET };

static long check(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(1);
	}
	return result;
}

static void enter(const char *directory, int number)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%d/cgroup.procs", directory, number);
	fd = check(open(path, O_WRONLY), path);
	check(write(fd, "0", 1), path);
	close(fd);
}

static void write_block(void)
{
	int fd = check(open(FILE_NAME, O_CREAT | O_RDWR, 0600), FILE_NAME);
	char block[BLOCK] = { 1 };

	check(write(fd, block, sizeof(block)), "write");
	check(fsync(fd), "fsync");
	close(fd);
}

static void read_disk(void)
{
	static char block[BLOCK] __attribute__((aligned(BLOCK)));
	int fd = check(open(FILE_NAME, O_RDONLY | O_DIRECT), FILE_NAME);

	check(pread(fd, block, BLOCK, 0), "pread");
	close(fd);
}

static void send_requests(void)
{
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
	char byte = 0;

	check(connect(fd, (struct sockaddr *)&server, sizeof(server)), "connect");
	for (int i = 0; i < ROUNDS; i++) {
		check(send(fd, &byte, 1, 0), "send");
		check(recv(fd, &byte, 1, 0), "recv");
	}
	close(fd);
}

static void live(int pipe)
{
	char byte;

	check(read(pipe, &byte, 1), "read");
	for (int i = 0; i < ROUNDS; i++)
		usleep(100);
	read_disk();
	send_requests();
	exit(0);
}

static void serve(int listener)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		while (fd >= 0 && recv(fd, &byte, 1, 0) == 1)
			send(fd, &byte, 1, 0);
		close(fd);
	}
}

static int listen_anywhere(void)
{
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
	socklen_t size = sizeof(server);

	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(fd, (struct sockaddr *)&server, size), "bind");
	check(listen(fd, 128), "listen");
	check(getsockname(fd, (struct sockaddr *)&server, &size), "getsockname");
	return fd;
}

static void fill(const char *directory, int number)
{
	int ends[2], status;
	pid_t child;

	check(pipe(ends), "pipe");
	child = check(fork(), "fork");
	if (!child) {
		enter(directory, number);
		live(ends[0]);
	}
	usleep(100); /* the child waits for the pipe meanwhile */
	check(write(ends[1], "", 1), "write");
	close(ends[0]);
	close(ends[1]);
	check(waitpid(child, &status, 0), "waitpid");
	if (status)
		exit(1);
}

int main(int argc, char **argv)
{
	int listener;

	if (argc != 3)
		return 2;
	write_block();
	listener = listen_anywhere();
	if (!check(fork(), "fork"))
		serve(listener);
	for (int i = 0; i < atoi(argv[2]); i++)
		fill(argv[1], i);
	return 0;
}

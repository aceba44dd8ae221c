// SPDX-License-Identifier: Apache-2.0
/*
 * Loads that repeat one operation as often as they can:
 *   loads KIND MILLISECONDS MEMBERS CGROUPS
 * Process i of the load runs in the cgroup CGROUPS/(i modulo their number). Prints
 *   {"operations":…,"seconds":…,"cpuSeconds":…}
 * cpuSeconds being the CPU time of its processes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HELD = 10000, MAX_MEMBERS = 512, FILE_BYTES = 16 << 20, BLOCK_BYTES = 4096, MESSAGE_BYTES = 100 };

/* A cache line each, to avoid false sharing. */
struct counter {
	_Alignas(64) unsigned long operations;
};

static struct counter *counters;
static int members;
static int channels[MAX_MEMBERS][2];
static struct sockaddr_in address = { .sin_family = AF_INET };
static int file = -1;

static void die(const char *what)
{
	fprintf(stderr, "loads: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Avoids the first CPU, which handles interrupts. */
static void stay_on_last_cpu(void)
{
	cpu_set_t allowed, last;
	int cpu = CPU_SETSIZE - 1;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		die("sched_getaffinity");
	while (cpu > 0 && !CPU_ISSET(cpu, &allowed))
		cpu--;
	CPU_ZERO(&last);
	CPU_SET(cpu, &last);
	if (sched_setaffinity(0, sizeof(last), &last))
		die("sched_setaffinity");
}

static void open_pipes(void)
{
	for (int i = 0; i < members; i++)
		if (pipe(channels[i]))
			die("pipe");
	stay_on_last_cpu();
}

/* One byte goes round; each step is one context switch. */
static void pass_on(int member)
{
	int next = channels[(member + 1) % members][1];
	char byte = 0;

	if (member == 0 && write(next, &byte, 1) != 1)
		die("write");
	for (;; counters[member].operations++)
		if (read(channels[member][0], &byte, 1) != 1 || write(next, &byte, 1) != 1)
			die("pass on");
}

static void listen_on_loopback(void)
{
	socklen_t length = sizeof(address);

	file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (file < 0 || bind(file, (struct sockaddr *)&address, length) || listen(file, SOMAXCONN) ||
	    getsockname(file, (struct sockaddr *)&address, &length))
		die("listen");
	stay_on_last_cpu();
}

static int connected(void)
{
	const int yes = 1;
	int client = socket(AF_INET, SOCK_STREAM, 0);

	if (client < 0 || connect(client, (struct sockaddr *)&address, sizeof(address)))
		die("connect");
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return client;
}

static void converse(int member)
{
	char message[MESSAGE_BYTES] = {};
	int peer = member == 0 ? accept(file, NULL, NULL) : connected();

	if (member > 0 && send(peer, message, sizeof(message), 0) < 0)
		die("send");
	for (;; counters[member].operations++)
		if (recv(peer, message, sizeof(message), MSG_WAITALL) <= 0 ||
		    send(peer, message, sizeof(message), 0) < 0)
			die("converse");
}

static void open_and_close(int member)
{
	char byte;
	int peer;

	for (;; counters[member].operations += member == 0) {
		peer = member == 0 ? accept(file, NULL, NULL) : connected();
		/* Each side waits for the other to close. */
		if (member == 0 ? recv(peer, &byte, 1, 0) < 0 : shutdown(peer, SHUT_WR) || recv(peer, &byte, 1, 0) < 0)
			die("close");
		close(peer);
	}
}

static void listen_for_many(void)
{
	const struct rlimit files = { .rlim_cur = 2 * HELD, .rlim_max = 2 * HELD };

	if (setrlimit(RLIMIT_NOFILE, &files))
		die("RLIMIT_NOFILE");
	listen_on_loopback();
}

/* The first member accepts what the second opens; an operation is a connection, of which both ends stay open. */
static void hold(int member)
{
	while (counters[0].operations < HELD) {
		if (member > 0) {
			connected();
			continue;
		}
		if (accept(file, NULL, NULL) < 0)
			die("accept");
		counters[0].operations++;
	}
	pause();
}

static void open_sockets(void)
{
	for (int i = 0; i < members / 2; i++)
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, channels[i]))
			die("socketpair");
}

/* Like hackbench: half of the members send to each of the other half, on every CPU. */
static void crowd(int member)
{
	const int receivers = members / 2;
	char message[MESSAGE_BYTES] = {};

	if (member < receivers)
		for (;; counters[member].operations++)
			if (recv(channels[member][0], message, sizeof(message), MSG_WAITALL) <= 0)
				die("recv");
	for (int i = member;; i++)
		if (write(channels[i % receivers][1], message, sizeof(message)) < 0)
			die("write");
}

static void make_file(void)
{
	static _Alignas(BLOCK_BYTES) char blocks[1 << 20];

	file = open("blocks", O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
	if (file < 0)
		die("a file to read past the page cache");
	for (off_t at = 0; at < FILE_BYTES; at += sizeof(blocks))
		if (pwrite(file, blocks, sizeof(blocks), at) != sizeof(blocks))
			die("pwrite");
	fsync(file);
}

static void read_blocks(int member)
{
	static _Alignas(BLOCK_BYTES) char block[BLOCK_BYTES];

	for (;; counters[member].operations++)
		if (pread(file, block, sizeof(block), random() % (FILE_BYTES / BLOCK_BYTES) * BLOCK_BYTES) < 0)
			die("pread");
}

static void make_nothing(void)
{
}

static void burn(int member)
{
	for (;;)
		__atomic_add_fetch(&counters[member].operations, 1, __ATOMIC_RELAXED);
}

static const struct kind {
	const char *name;
	void (*prepare)(void);
	void (*live)(int member);
} kinds[] = {
	{ "ring", open_pipes, pass_on },
	{ "tcp", listen_on_loopback, converse },
	{ "connect", listen_on_loopback, open_and_close },
	{ "hold", listen_for_many, hold },
	{ "crowd", open_sockets, crowd },
	{ "disk", make_file, read_blocks },
	{ "burn", make_nothing, burn },
	{ 0 },
};

static void enter(const char *cgroups, int member)
{
	char path[512];
	int procs, count = 0;

	do
		snprintf(path, sizeof(path), "%s/%d", cgroups, count);
	while (!access(path, F_OK) && ++count);
	snprintf(path, sizeof(path), "%s/%d/cgroup.procs", cgroups, count ? member % count : 0);
	procs = open(path, O_WRONLY | O_CLOEXEC);
	if (procs < 0 || write(procs, "0", 1) != 1)
		die(path);
	close(procs);
}

/* The children start together, when the other end of the gate is closed. */
static pid_t start_member(const struct kind *kind, int member, const char *cgroups, int gate[2])
{
	char ignored;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(gate[1]);
	enter(cgroups, member);
	if (read(gate[0], &ignored, 1) < 0)
		die("gate");
	kind->live(member);
	exit(0);
}

static double seconds_on(clockid_t clock)
{
	struct timespec time;

	if (clock_gettime(clock, &time))
		die("clock_gettime");
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double cpu_seconds(const pid_t *pids)
{
	double sum = 0;
	clockid_t clock;

	for (int i = 0; i < members; i++) {
		/* A process that has ended is found below. */
		if (!clock_getcpuclockid(pids[i], &clock))
			sum += seconds_on(clock);
	}
	return sum;
}

static unsigned long operations(void)
{
	unsigned long sum = 0;

	for (int i = 0; i < members; i++)
		sum += __atomic_load_n(&counters[i].operations, __ATOMIC_RELAXED);
	return sum;
}

static const struct kind *find_kind(const char *name)
{
	for (const struct kind *kind = kinds; kind->name; kind++)
		if (!strcmp(kind->name, name))
			return kind;
	return NULL;
}

int main(int argc, char **argv)
{
	const struct kind *kind = argc == 5 ? find_kind(argv[1]) : NULL;
	pid_t pids[MAX_MEMBERS];
	unsigned long done;
	double began, seconds, cpu;
	int gate[2];

	members = kind ? atoi(argv[3]) : 0;
	if (members < 1 || members > MAX_MEMBERS) {
		fprintf(stderr, "usage: loads KIND MILLISECONDS MEMBERS CGROUPS\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	counters = mmap(NULL, members * sizeof(*counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counters == MAP_FAILED || pipe(gate))
		die("mmap");
	kind->prepare();
	for (int i = 0; i < members; i++)
		pids[i] = start_member(kind, i, argv[4], gate);
	usleep(20000); /* until all are at the gate; a late one only starts late */
	cpu = cpu_seconds(pids);
	began = seconds_on(CLOCK_MONOTONIC);
	close(gate[1]);
	usleep(atoi(argv[2]) * 1000);
	done = operations();
	seconds = seconds_on(CLOCK_MONOTONIC) - began;
	cpu = cpu_seconds(pids) - cpu;
	/* A process that has ended already has printed the reason. */
	for (int i = 0; i < members; i++)
		if (waitpid(pids[i], NULL, WNOHANG))
			return 1;
	for (int i = 0; i < members; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < members; i++)
		waitpid(pids[i], NULL, 0);
	printf("{\"operations\":%lu,\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", done, seconds, cpu);
	return 0;
}

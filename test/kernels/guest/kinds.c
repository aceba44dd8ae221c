// SPDX-License-Identifier: Apache-2.0
/* What each kind of task does until its deadline. */
#define _GNU_SOURCE
#include "tasks.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILE_PATH "data" /* in the working directory: a file of each task's own */
#define FILE_BYTES (16L << 20)
#define PAGE 4096L
#define ANSWER_SECONDS 0.02

static int channel[2]; /* to the peer: a pipe's or a socket's two ends */
static struct sockaddr_in address = { .sin_family = AF_INET };

static void burn(void)
{
	while (now() < deadline)
		;
}

static void *burn_on_cpu_0(void *argument)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	burn();
	return argument;
}

static void share_a_cpu(void)
{
	in_threads(2, burn_on_cpu_0, NULL);
}

static void sleep_once(void)
{
	BLOCKED(pause_for(deadline - now()));
}

static void *take_turns(void *argument)
{
	pthread_mutex_t *lock = argument;

	while (now() < deadline) {
		BLOCKED(pthread_mutex_lock(lock));
		for (double until = now() + 0.02; now() < until;)
			;
		pthread_mutex_unlock(lock);
		sched_yield();
	}
	return NULL;
}

static void contend(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	in_threads(3, take_turns, &lock);
}

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work;
};

static void *await_work(void *argument)
{
	struct pool *pool = argument;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)((deadline - now()) * 1e9);
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&pool->lock);
	BLOCKED(pthread_cond_timedwait(&pool->work, &pool->lock, &until));
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void park(void)
{
	static struct pool pool = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER };

	in_threads(4, await_work, &pool);
}

static void write_file(void)
{
	char *page = aligned_alloc(PAGE, PAGE);
	int file = open(FILE_PATH, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (file < 0)
		die(FILE_PATH);
	memset(page, 1, PAGE);
	for (long written = 0; written < FILE_BYTES; written += PAGE)
		if (write(file, page, PAGE) != PAGE)
			die("write");
	close(file);
	free(page);
}

/* Dirties the page cache and ends: who writes it to the disk later is the kernel's business. */
static void write_buffered(void)
{
	write_file();
	truth->bytes = FILE_BYTES;
}

static pid_t prepare_file(void)
{
	int file;

	if (access(FILE_PATH, R_OK))
		write_file();
	file = open(FILE_PATH, O_RDONLY);
	fsync(file);
	posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	close(file);
	return 0;
}

static void read_direct(void)
{
	char *page = aligned_alloc(PAGE, PAGE);
	int file = open(FILE_PATH, O_RDONLY | O_DIRECT);

	if (file < 0)
		die(FILE_PATH);
	for (; now() < deadline; truth->operations++, truth->bytes += PAGE)
		BLOCKED(if (pread(file, page, PAGE, (random() % (FILE_BYTES / PAGE)) * PAGE) != PAGE) die("pread"));
	close(file);
	free(page);
}

static void read_mapped(void)
{
	int file = open(FILE_PATH, O_RDONLY);
	volatile char *bytes = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, file, 0);

	if (file < 0 || bytes == MAP_FAILED)
		die(FILE_PATH);
	madvise((void *)bytes, FILE_BYTES, MADV_RANDOM);
	/* Prime to the number of pages: visits each once, far from the one before. */
	for (long page = 0; now() < deadline; page = (page + 1021) % (FILE_BYTES / PAGE))
		BLOCKED((void)bytes[page * PAGE]);
}

static void tick(int end)
{
	for (;;) {
		pause_for(ANSWER_SECONDS);
		if (write(end, "x", 1) != 1)
			return;
	}
}

static pid_t prepare_pipe(void)
{
	if (pipe(channel))
		die("pipe");
	return beside(tick, channel[1]);
}

static void read_pipe(void)
{
	char byte;

	for (; now() < deadline; truth->operations++)
		BLOCKED(if (read(channel[0], &byte, 1) != 1) die("read"));
}

static int listener(void)
{
	socklen_t length = sizeof(address);
	int socket_ = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(socket_, (struct sockaddr *)&address, length) || listen(socket_, 8) ||
	    getsockname(socket_, (struct sockaddr *)&address, &length))
		die("listen");
	return socket_;
}

/* Answers each request late; the requester has nothing else to do. */
static void answer_late(int server)
{
	char request[64];
	int client = accept(server, NULL, NULL);

	while (read(client, request, sizeof(request)) > 0) {
		pause_for(ANSWER_SECONDS);
		if (write(client, request, sizeof(request)) < 0)
			return;
	}
}

static pid_t prepare_server(void)
{
	return beside(answer_late, listener());
}

static int connected(void)
{
	int client = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(client, (struct sockaddr *)&address, sizeof(address)))
		die("connect");
	return client;
}

static void request(void)
{
	char bytes[64] = "request";
	int client = connected();

	for (; now() < deadline; truth->operations++) {
		if (write(client, bytes, sizeof(bytes)) != sizeof(bytes))
			die("write");
		BLOCKED(if (recv(client, bytes, sizeof(bytes), MSG_WAITALL) != sizeof(bytes)) die("recv"));
	}
}

/* Asks seldom: the server waits for work most of the time. */
static void ask_seldom(int unused)
{
	char bytes[64] = "request";
	int client = connected();

	(void)unused;
	while (write(client, bytes, sizeof(bytes)) > 0 && recv(client, bytes, sizeof(bytes), MSG_WAITALL) > 0)
		pause_for(ANSWER_SECONDS);
}

static pid_t prepare_client(void)
{
	channel[0] = listener();
	return beside(ask_seldom, 0);
}

static void serve(void)
{
	char bytes[64];
	int client;

	BLOCKED(client = accept(channel[0], NULL, NULL));
	for (; now() < deadline; truth->operations++) {
		BLOCKED(if (recv(client, bytes, sizeof(bytes), MSG_WAITALL) != sizeof(bytes)) die("recv"));
		if (write(client, bytes, sizeof(bytes)) != sizeof(bytes))
			die("write");
	}
}

static const struct kind kinds[] = {
	{ "burn", NULL, burn },
	{ "share", NULL, share_a_cpu },
	{ "sleep", NULL, sleep_once },
	{ "contend", NULL, contend },
	{ "park", NULL, park },
	{ "direct", prepare_file, read_direct },
	{ "mapped", prepare_file, read_mapped },
	{ "buffered", NULL, write_buffered },
	{ "pipe", prepare_pipe, read_pipe },
	{ "request", prepare_server, request },
	{ "serve", prepare_client, serve },
};

const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

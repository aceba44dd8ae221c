/*
 * netclient MODE FAMILY PORT COUNT DELAY_MS [SIZE [PIECES GAP_MS]]: sends COUNT requests and prints the number of
 * responses, the seconds from each request to its response, and the number of retransmitted segments.
 *   MODE: a transport: one request at a time; or thoughtful: the same, with a pause before each;
 *   many: the same, each request on another of MANY connections, all open from the start;
 *   pooled: three threads share two connections; muxed: four outstanding requests on one connection, whose responses
 *   come in another order; burst: all requests at once; steady: one every 5 ms, independent of the responses;
 *   half: one connection per request, of which the client shuts down its own side; deaf: waits until its server is deaf;
 *   crowd: connects COUNT times, to as many addresses; impatient: connects COUNT times, and gives up after DELAY_MS;
 *   rude: the same, and resets the connections;
 *   hasty: sends all requests at once, each on a connection of its own, and gives up after DELAY_MS;
 *   again: connects to an address that refuses, and then with the same socket to the server.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>

#include "transport.h"

enum { MAX_IDS = 1024, MANY = 200 };

static const struct transport *transport;
static const char *mode, *family;
static int port;
static struct request template = { .size = MESSAGE, .pieces = 1 };
static long received, failed, resent, next_id, count;
static double waited;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int connect_to_server(void)
{
	struct sockaddr_storage address;
	socklen_t length = loopback(&address, family, port);
	int fd = check(socket(address.ss_family, SOCK_STREAM, 0), "socket");

	check(connect(fd, (struct sockaddr *)&address, length), "connect");
	prepare(fd, transport);
	return fd;
}

static void finish(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	check(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), "TCP_INFO");
	pthread_mutex_lock(&lock);
	resent += info.tcpi_total_retrans;
	pthread_mutex_unlock(&lock);
	close(fd);
}

static bool take_number(uint32_t *id)
{
	pthread_mutex_lock(&lock);
	*id = next_id;
	next_id += next_id < count;
	pthread_mutex_unlock(&lock);
	return *id < count;
}

static void count_response(double began)
{
	pthread_mutex_lock(&lock);
	received++;
	waited += now_seconds() - began;
	pthread_mutex_unlock(&lock);
}

static bool exchange(int fd, uint32_t id)
{
	static __thread char response[MAX_MESSAGE];
	struct request request = template;
	double began = now_seconds();

	request.id = id;
	if (!move_all(transport->send, fd, &request, MESSAGE))
		die("send");
	if (is_mode(mode, "half"))
		check(shutdown(fd, SHUT_WR), "shutdown");
	if (!move_all(transport->receive, fd, response, 1)) {
		failed++;
		return false;
	}
	count_response(began);
	return move_all(transport->receive, fd, response + 1, template.size - 1);
}

static void run_in_turn(void)
{
	int fd = connect_to_server();
	uint32_t id;
	char deaf;

	if (is_mode(mode, "deaf"))
		check(write(fd, "?", 1), "write"), check(read(fd, &deaf, 1), "read");
	while (take_number(&id)) {
		bool more;

		if (is_mode(mode, "thoughtful"))
			sleep_seconds(0.03);
		more = exchange(fd, id);

		if (more && !is_mode(mode, "half"))
			continue;
		finish(fd);
		fd = connect_to_server();
	}
	finish(fd);
}

static void run_many(void)
{
	int fds[MANY];
	uint32_t id;

	for (int i = 0; i < MANY; i++)
		fds[i] = connect_to_server();
	while (take_number(&id))
		exchange(fds[id % MANY], id);
	for (int i = 0; i < MANY; i++)
		finish(fds[i]);
}

/* Each request takes a connection from the pool. */
static struct {
	int fds[2];
	pthread_mutex_t busy[2];
} pool = { .busy = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER } };

static void *run_pool_thread(void *unused)
{
	uint32_t id;

	for (int i = 0; take_number(&id); i ^= 1) {
		while (pthread_mutex_trylock(&pool.busy[i]))
			i ^= 1, usleep(100);
		exchange(pool.fds[i], id);
		pthread_mutex_unlock(&pool.busy[i]);
	}
	return unused;
}

/* One connection for all requests: each response carries the number of its request. */
static struct {
	int fd;
	double began[MAX_IDS];
	sem_t room;
} shared;

static void *receive_responses(void *unused)
{
	struct request response;

	for (long i = 0; i < count && move_all(transport->receive, shared.fd, &response, MESSAGE); i++) {
		count_response(shared.began[response.id]);
		/* The other pieces of the response. */
		for (uint32_t piece = 1; piece < template.pieces; piece++)
			move_all(transport->receive, shared.fd, &response, MESSAGE);
		sem_post(&shared.room);
	}
	return unused;
}

static void run_multiplexed(int at_once)
{
	pthread_t receiver;
	uint32_t id;

	shared.fd = connect_to_server();
	sem_init(&shared.room, 0, at_once);
	if (pthread_create(&receiver, NULL, receive_responses, NULL))
		die("pthread_create");
	while (take_number(&id)) {
		struct request request = template;

		sem_wait(&shared.room);
		request.id = id;
		if (is_mode(mode, "steady"))
			sleep_seconds(0.005);
		else
			request.delay_us *= 1 + id % 3;
		shared.began[id] = now_seconds();
		if (!move_all(transport->send, shared.fd, &request, MESSAGE))
			die("send");
	}
	pthread_join(receiver, NULL);
	finish(shared.fd);
}

static void run_pool(void)
{
	pthread_t threads[3];

	for (int i = 0; i < 2; i++)
		pool.fds[i] = connect_to_server();
	for (int i = 0; i < 3; i++)
		if (pthread_create(&threads[i], NULL, run_pool_thread, NULL))
			die("pthread_create");
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 2; i++)
		finish(pool.fds[i]);
}

/* Connects to 127.0.0.1, 127.0.0.2, …: as many peers as connections. */
static void connect_to_many(void)
{
	struct sockaddr_storage address;
	socklen_t length = loopback(&address, "ipv4", port);

	for (long i = 0; i < count; i++) {
		int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

		((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
		if (connect(fd, (struct sockaddr *)&address, length))
			failed++;
		close(fd);
	}
}

static void be_hasty(void)
{
	const struct linger none = { .l_onoff = 1 };
	int *fds = calloc(count, sizeof(*fds));

	for (long i = 0; i < count; i++) {
		fds[i] = connect_to_server();
		if (!move_all(transport->send, fds[i], &template, MESSAGE))
			die("send");
	}
	sleep_seconds(template.delay_us * 1e-6);
	for (long i = 0; i < count; i++) {
		if (is_mode(mode, "rude"))
			check(setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &none, sizeof(none)), "SO_LINGER");
		close(fds[i]);
	}
	free(fds);
}

static void connect_again(void)
{
	struct sockaddr_storage address;
	socklen_t length = loopback(&address, "ipv4", port);
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
	uint32_t id;

	((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	failed += connect(fd, (struct sockaddr *)&address, length) < 0;
	((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(connect(fd, (struct sockaddr *)&address, length), "connect");
	prepare(fd, transport);
	while (take_number(&id))
		exchange(fd, id);
	finish(fd);
}

static void give_up(void)
{
	struct sockaddr_storage address;
	socklen_t length = loopback(&address, family, port);

	for (long i = 0; i < count; i++) {
		int fd = check(socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
		struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

		if (connect(fd, (struct sockaddr *)&address, length) && errno != EINPROGRESS)
			die("connect");
		failed += poll(&pollfd, 1, template.delay_us / 1000) == 0;
		finish(fd);
	}
}

int main(int argc, char **argv)
{
	char line[64];

	if (argc < 6)
		return 2;
	mode = argv[1];
	family = argv[2];
	port = atoi(argv[3]);
	count = atol(argv[4]);
	template.delay_us = atof(argv[5]) * 1000;
	template.size = argc > 6 ? atoi(argv[6]) : MESSAGE;
	template.pieces = argc > 8 ? atoi(argv[7]) : 1;
	template.gap_us = argc > 8 ? atof(argv[8]) * 1000 : 0;
	transport = &transports[0];
	for (const struct transport *each = transports; each->name; each++)
		if (is_mode(each->name, mode))
			transport = each;
	ready(0);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	if (is_mode(mode, "pooled"))
		run_pool();
	else if (is_mode(mode, "many"))
		run_many();
	else if (is_mode(mode, "muxed") || is_mode(mode, "burst") || is_mode(mode, "steady"))
		run_multiplexed(is_mode(mode, "muxed") ? 4 : MAX_IDS);
	else if (is_mode(mode, "crowd"))
		connect_to_many();
	else if (is_mode(mode, "hasty") || is_mode(mode, "rude"))
		be_hasty();
	else if (is_mode(mode, "again"))
		connect_again();
	else if (is_mode(mode, "impatient"))
		give_up();
	else
		run_in_turn();
	printf("{\"count\":%ld,\"seconds\":%.6f,\"failed\":%ld,\"resent\":%ld}\n", received, waited, failed, resent);
	fflush(stdout);
	pause();
}

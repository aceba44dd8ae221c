#define _GNU_SOURCE
#include "workload.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

enum { STACK_SIZE = 128 * 1024 };

int fixed_status(enum http_target target)
{
	switch (target) {
	case HTTP_NOT_FOUND:
		return 404;
	case HTTP_NOT_ALLOWED:
		return 405;
	default:
		return 200;
	}
}

const char *fixed_body(enum http_target target)
{
	switch (target) {
	case HTTP_NOT_FOUND:
		return "no such page; there are / and /healthz";
	case HTTP_NOT_ALLOWED:
		return "only GET is supported";
	default:
		return "ok";
	}
}

int accept_connection(int listener, int flags)
{
	int yes = 1;
	int fd = accept4(listener, NULL, NULL, flags | SOCK_CLOEXEC);

	if (fd < 0) {
		/* Out of descriptors or memory: the connection stays queued, and an immediate retry would spin. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			usleep(10 * NS_PER_MS / NS_PER_US);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return fd;
}

struct session {
	int fd;
	work_function work;
};

static bool respond(const struct session *session, struct worker *worker, const struct http_request *request)
{
	char body[HTTP_BODY_SIZE];
	int status;

	if (request->target != HTTP_WORK)
		return http_send_response(session->fd, fixed_status(request->target), request->keep_alive,
					  fixed_body(request->target));
	status = session->work(worker, body);
	return http_send_response(session->fd, status, request->keep_alive, body);
}

static void serve_session(const struct session *session, struct worker *worker)
{
	struct http_buffer buffer = { 0 };
	struct http_request request;

	for (;;) {
		switch (http_take_request(&buffer, &request)) {
		case HTTP_COMPLETE:
			if (!respond(session, worker, &request) || !request.keep_alive)
				return;
			break;
		case HTTP_INCOMPLETE:
			if (http_receive(session->fd, &buffer) <= 0)
				return;
			break;
		case HTTP_MALFORMED:
			http_send_response(session->fd, 400, false, "not a request this server understands");
			return;
		}
	}
}

static void *session_thread(void *argument)
{
	struct session *session = argument;
	struct worker worker = { .upstream = -1 };

	serve_session(session, &worker);
	if (worker.upstream >= 0)
		close(worker.upstream);
	close(session->fd);
	free(session);
	return NULL;
}

static void start_session(int fd, work_function work, const pthread_attr_t *attributes)
{
	struct session *session = malloc(sizeof(*session));
	pthread_t thread;

	if (session) {
		*session = (struct session){ .fd = fd, .work = work };
		if (pthread_create(&thread, attributes, session_thread, session) == 0)
			return;
	}
	free(session);
	close(fd);
}

_Noreturn void serve_by_threads(int listener, work_function work)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	for (;;) {
		int fd = accept_connection(listener, 0);

		if (fd >= 0)
			start_session(fd, work, &attributes);
	}
}

/* Two sockets and what is under way between them, in the order of time; every event drives the model as a hook does. */
#ifndef KERNSCALE_TEST_WIRE_H
#define KERNSCALE_TEST_WIRE_H

#include "tally.h"

enum event_type { WRITE, SENT, ARRIVE, ACKNOWLEDGE, READ, SURVEY, CHANGE, ADOPT };

struct socket {
	struct connection connection;
	struct socket *peer;
	__u32 first; /* sequence number of its first byte */
	__u32 written, acknowledged;
	__u32 arrived, read; /* of the peer's bytes */
	bool fin, peers_fin; /* sequence numbers count them */
	bool closed, failed;
	__u8 state;
	__u64 stamp, first_sent;
	unsigned char *bytes; /* that it writes */
};

struct event {
	__u64 time, order;
	struct socket *socket;
	enum event_type type;
	__u32 n;    /* bytes; at CHANGE the new state */
	__u64 sent; /* at ACKNOWLEDGE: when the bytes were */
	bool lost;  /* the kernel skips its hook */
};

#define MAX_EVENTS 65536
#define MAX_BYTES (1 << 22)

static struct event events[MAX_EVENTS];
static __u32 nr_events;
static __u64 event_order;
static __u64 odd_hook; /* order of the hook that is skipped; 0: none */

static bool is_before(const struct event *a, const struct event *b)
{
	return a->time != b->time ? a->time < b->time : a->order < b->order;
}

static void plan(struct socket *socket, __u64 time, enum event_type type, __u32 n, __u64 sent)
{
	__u32 i = nr_events++;
	struct event event = { time, ++event_order, socket, type, n, sent, false };

	require(nr_events < MAX_EVENTS, "too many events");
	for (; i && is_before(&event, &events[(i - 1) / 2]); i = (i - 1) / 2)
		events[i] = events[(i - 1) / 2];
	events[i] = event;
}

static struct event next_event(void)
{
	struct event first = events[0], last = events[--nr_events];
	__u32 i = 0, child;

	while ((child = 2 * i + 1) < nr_events) {
		if (child + 1 < nr_events && is_before(&events[child + 1], &events[child]))
			child++;
		if (!is_before(&events[child], &last))
			break;
		events[i] = events[child];
		i = child;
	}
	events[i] = last;
	return first;
}

static struct socket_view look(struct socket *socket, __u64 now)
{
	return (struct socket_view){
		.now = now,
		.first_sent = socket->first_sent,
		.write_seq = socket->first + socket->written + socket->fin,
		.rcv_nxt = socket->peer->first + socket->arrived + socket->peers_fin,
		.copied_seq = socket->peer->first + socket->read,
		.snd_una = socket->first + socket->acknowledged,
		.state = socket->state,
		.closed = socket->closed,
		.failed = socket->failed,
	};
}

static void open_socket(struct socket *socket, enum role role, bool halfway, __u64 now)
{
	struct socket_view view = look(socket, now);

	socket->connection.now = now;
	exchange_open(&socket->connection.exchange, &view, role, halfway);
}

static void on_sent(struct socket *socket, __u32 n)
{
	struct socket_view view = look(socket, socket->stamp);
	struct payload payload = { socket->bytes + socket->written - n, view.write_seq - n, view.write_seq };

	view.bytes = n;
	exchange_sent(&socket->connection, &view, &payload);
}

static void on_read(struct socket *socket, __u32 n)
{
	struct socket_view view = look(socket, socket->stamp);
	struct payload payload = { socket->peer->bytes + socket->read - n, view.copied_seq - n, view.copied_seq };

	exchange_read(&socket->connection, &view, &payload);
}

static void on_change(struct socket *socket, __u8 state, __u64 now)
{
	struct socket_view view = look(socket, now);

	view.from = socket->state;
	view.state = state;
	exchange_changed(&socket->connection.exchange, &view);
	socket->state = state;
	if (state == TCP_FIN_WAIT1 || state == TCP_LAST_ACK)
		socket->fin = true;
}

static void transmit(struct socket *socket, struct event *event)
{
	if (socket->acknowledged == socket->written)
		socket->first_sent = event->time;
	socket->written += event->n;
	socket->stamp = event->time;
}

/* Calls the hook of an event, unless it is lost. */
static void run_event(struct event *event)
{
	struct socket *socket = event->socket;
	struct socket_view view;
	bool lost = event->lost || event->order == odd_hook;

	socket->connection.now = event->time;
	switch (event->type) {
	case WRITE:
		transmit(socket, event);
		break;
	case SENT:
		if (!lost)
			on_sent(socket, event->n);
		break;
	case ARRIVE:
		socket->arrived += event->n;
		socket->stamp = event->time;
		break;
	case ACKNOWLEDGE:
		socket->acknowledged += event->n;
		socket->first_sent = event->sent;
		socket->stamp = event->time;
		break;
	case READ:
		if (event->n > socket->arrived - socket->read)
			event->n = socket->arrived - socket->read;
		socket->read += event->n;
		if (!lost && event->n)
			on_read(socket, event->n);
		break;
	case SURVEY:
		view = look(socket, socket->stamp);
		exchange_survey(&socket->connection.exchange, &view);
		break;
	case ADOPT:
		open_socket(socket, event->n, true, socket->stamp);
		break;
	case CHANGE:
		if (event->n == TCP_CLOSE_WAIT || (event->n == TCP_CLOSE && socket->state == TCP_FIN_WAIT2))
			socket->peers_fin = true;
		on_change(socket, event->n, event->time);
		break;
	}
	check_law(&socket->connection);
}

static void run_events(void)
{
	while (nr_events) {
		struct event event = next_event();

		run_event(&event);
	}
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * One connection's exchange of requests and responses, told by turns: see exchange.h. Nothing here is of the kernel: the
 * BPF programs include it, and so do a replay and a fuzzer in user space.
 */
#ifndef KERNSCALE_TURNS_H
#define KERNSCALE_TURNS_H

#define TCP_ESTABLISHED 1
#define TCP_FIN_WAIT1 4
#define TCP_FIN_WAIT2 5
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define TCP_LAST_ACK 9
#define TCP_CLOSING 11

/* A piece this long after the one before may be another request; one of this size is the rest of an upload. */
#define APART_US 1000
#define REST_BYTES 4096
/* Pieces in one turn that tell several requests in flight from one request in pieces. */
#define SEVERAL_PIECES 3
/* A last message this short, and this close to the end of its connection, takes leave (PostgreSQL's X, MySQL's QUIT). */
#define GOODBYE_BYTES 16
#define GOODBYE_US 20000

enum role { ROLE_CLIENT = 1, ROLE_SERVER };

enum turn {
	TURN_IDLE,      /* nothing was asked */
	TURN_REQUESTED, /* a request waits for the first byte of its response */
	TURN_RESPONDED, /* the response has begun */
};

enum exchange_flag {
	EXCHANGE_GREETED = 1,    /* the server spoke first, and the client has not yet */
	EXCHANGE_LOGIN = 2,      /* the client answers the greeting */
	EXCHANGE_OVERLAPPED = 4, /* of this turn: it may hold several requests */
	EXCHANGE_CONTINUED = 8,  /* of this turn: its response went on after a pause */
	EXCHANGE_ONE_WAY = 16,   /* a stream of requests that get no response */
	EXCHANGE_QUIET = 32,     /* of this turn: it began after a pause */
	EXCHANGE_SEVERAL = 64,   /* several requests in flight, which cannot be told apart */
	EXCHANGE_GOODBYE = 128,  /* the last request took leave */
};

enum exchange_end {
	END_CLIENT_FIRST = 1, /* the client sent its FIN or RST first */
	END_SERVER_FIRST = 2,
	END_OURS = 4,  /* write_seq counts our FIN */
	END_PEERS = 8, /* rcv_nxt counts the peer's FIN */
	END_LATE = 16, /* a response was sent after the client's FIN */
	END_OVER = 32, /* all is settled: nothing is counted any more */
};

/* Times are microseconds of the monotonic clock. 64 bytes. */
struct exchange {
	__u8 role;
	__u8 turn;
	__u8 flags;    /* enum exchange_flag */
	__u8 end;      /* enum exchange_end */
	__u8 responds; /* how surely requests get responses: 255 at first, below ONE_WAY they do not */
	__u8 pieces;   /* of this turn's request, told apart by pauses */
	__u16 protocol;
	__u32 sent;       /* write_seq up to which all is accounted for */
	__u32 received;   /* rcv_nxt up to which all is accounted for */
	__u32 start;      /* sequence number of the request's first byte */
	__u32 usual;      /* running mean of the turnarounds */
	__u32 flight;     /* turnaround of requests that were surely alone */
	__u64 first;      /* the request's first byte */
	__u64 last;       /* the request's last byte */
	__u64 responded;  /* the response's last byte so far */
	__u64 overlapped; /* last time that a piece came apart */
};

/* What a hook reads from the socket. Sequence numbers are the kernel's own, FINs included. */
struct socket_view {
	__u64 now;        /* tcp_mstamp; at a change of state the clock, because tcp_mstamp may be seconds old there */
	__u64 first_sent; /* first_tx_mstamp */
	__u64 arrived;    /* the last data that came in, where known better than `now`; 0: unknown */
	__u32 write_seq;
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 snd_una;
	__u32 bytes; /* given to the call that sent, for data that left with the SYN; 0: unknown */
	__u8 state;  /* at a change of state: the new one */
	__u8 from;   /* at a change of state: the old one */
	bool closed; /* the process has closed the socket: sk_shutdown has both directions */
	bool failed; /* sk_err: the peer reset the connection, or it timed out */
};

enum exchange_counter {
	EXCHANGE_REQUESTS,
	EXCHANGE_ABANDONED,
	EXCHANGE_DROPPED,
	EXCHANGE_VOID,    /* counted as a request before it was known to be none */
	EXCHANGE_IN_VAIN, /* responses (counted as such) to a client that had gone */
	EXCHANGE_AMBIGUOUS, /* turns (counted as such) that may have held several requests, found out after the response */
	NR_EXCHANGE_COUNTERS,
};

enum response_mark {
	MARK_OVERLAPPED = 1, /* pieces of the request lay apart: it may have been several requests */
	MARK_SEVERAL = 2,    /* the protocol may carry several requests in a turn, which cannot be read */
	MARK_LONG = 4,       /* far longer than usual: a long poll, or a peer that hangs */
};

/* The includer defines these; `at` may lie in the past, never in the future, and `us` is a turnaround. */
static void sink_count(struct exchange *exchange, enum exchange_counter counter, __u32 n);
static void sink_response(struct exchange *exchange, __u32 us, __u32 marks);
static void sink_think(struct exchange *exchange, __u64 us);
static void sink_outstanding(struct exchange *exchange, __s32 change, __u64 at);
/* A client's connection starts or ceases to wait for its peer; or it waits at least until `until`. */
static void sink_due(struct exchange *exchange, bool due, __u64 at);
static void sink_lease(struct exchange *exchange, __u64 until);
/*
 * Copies `size` bytes (a constant of 1 to 16) of what the call sent or read, from sequence number `position` on. Returns
 * false if it does not show all of them. `struct payload` is the includer's.
 */
struct payload;
static bool sink_peek(struct payload *payload, __u32 position, void *to, __u32 size);

/* Signed distance of sequence numbers, which wrap. */
static __always_inline __s32 ahead(__u32 position, __u32 of)
{
	return position - of;
}

static __always_inline __u32 elapsed(__u64 from, __u64 to)
{
	__u64 us = to > from ? to - from : 0;

	return us < ~0U ? us : ~0U;
}

/*
 * Rule O, one-way. `responds` falls with each request that follows another without a response, the faster the longer
 * that took, and rises with each response.
 */
#define ONE_WAY 16
#define TWO_WAY 64

static __always_inline void note_response(struct exchange *exchange)
{
	exchange->responds += (256 - exchange->responds) >> 3;
	if (exchange->responds >= TWO_WAY)
		exchange->flags &= ~EXCHANGE_ONE_WAY;
}

static __always_inline void note_no_response(struct exchange *exchange, __u32 pause)
{
	__u8 responds = exchange->responds;

	if (pause > 16ULL * exchange->usual + 100000)
		responds >>= 2;
	else if (pause > 4ULL * exchange->usual + 10000)
		responds -= responds >> 2;
	else
		responds -= responds >> 3;
	exchange->responds = responds;
	if (responds < ONE_WAY)
		exchange->flags |= EXCHANGE_ONE_WAY;
}

/*
 * Rule L, longer than usual: long polls, and peers that hang. `usual` may be the connection's or the peer's; long waits
 * hardly move it.
 */
#define LONG_FACTOR 16
#define LONG_US 250000

static __always_inline bool is_long_wait(__u32 *usual, __u32 us)
{
	bool is_long = *usual && us > LONG_US && us > (__u64)LONG_FACTOR * *usual;
	__s64 excess = (__s64)us - *usual;

	if (!*usual)
		*usual = us ?: 1;
	else
		*usual += is_long ? excess >> 6 : excess >> 3;
	return is_long;
}

static __always_inline void set_due(struct exchange *exchange, bool due, __u64 at)
{
	if (exchange->role == ROLE_CLIENT)
		sink_due(exchange, due, at);
}

/* Takes back or gives up the outstanding request. */
static __always_inline void settle_request(struct exchange *exchange, enum exchange_counter outcome, __u64 at)
{
	exchange->turn = TURN_IDLE;
	sink_count(exchange, outcome, 1);
	sink_outstanding(exchange, -1, at);
	set_due(exchange, false, at);
}

static __always_inline void begin_request(struct exchange *exchange, __u64 at, __u32 start)
{
	__u32 pause;

	if (at < exchange->responded)
		at = exchange->responded;
	pause = elapsed(exchange->responded, at);
	if (exchange->responded)
		sink_think(exchange, pause);
	exchange->flags &= ~(EXCHANGE_OVERLAPPED | EXCHANGE_CONTINUED | EXCHANGE_QUIET);
	if (pause > 100000 && pause > 4ULL * exchange->usual)
		exchange->flags |= EXCHANGE_QUIET;
	exchange->turn = TURN_REQUESTED;
	exchange->pieces = 1;
	exchange->start = start;
	exchange->first = at;
	exchange->last = at;
	sink_count(exchange, EXCHANGE_REQUESTS, 1);
	sink_outstanding(exchange, 1, at);
	set_due(exchange, true, at);
}

/*
 * Several in flight, where they cannot be read: the poller waits also for a response to the last request, after the
 * first response. A lease and no count, because a count leaks one for each message that gets no response.
 */
static __always_inline void note_several(struct exchange *exchange, __u64 at, bool apart)
{
	bool recent = elapsed(exchange->overlapped, at) < 8ULL * exchange->flight;

	if (exchange->role != ROLE_CLIENT)
		return;
	if (apart && (recent || exchange->pieces >= SEVERAL_PIECES))
		exchange->flags |= EXCHANGE_SEVERAL;
	else if (!recent)
		exchange->flags &= ~EXCHANGE_SEVERAL;
	if (apart)
		exchange->overlapped = at;
	if (exchange->flags & EXCHANGE_SEVERAL)
		sink_lease(exchange, at + exchange->flight);
}

static __always_inline void add_piece(struct exchange *exchange, __u64 at, __u32 bytes)
{
	__u32 pause = elapsed(exchange->last, at);
	bool apart = pause > APART_US && bytes < REST_BYTES;

	if (at > exchange->last)
		exchange->last = at;
	if (apart) {
		if (exchange->pieces < 255)
			exchange->pieces++;
		exchange->flags |= EXCHANGE_OVERLAPPED;
		note_no_response(exchange, pause);
	}
	note_several(exchange, at, apart);
	if (exchange->flags & EXCHANGE_ONE_WAY)
		settle_request(exchange, EXCHANGE_VOID, at);
}

/* The client answers the server's greeting: one message, whose pieces lie close together. */
static __always_inline bool is_login(struct exchange *exchange, __u64 at)
{
	if (exchange->flags & EXCHANGE_GREETED) {
		exchange->flags &= ~EXCHANGE_GREETED;
		exchange->flags |= EXCHANGE_LOGIN;
	} else if (!(exchange->flags & EXCHANGE_LOGIN)) {
		return false;
	} else if (elapsed(exchange->last, at) > APART_US) {
		exchange->flags &= ~EXCHANGE_LOGIN;
		return false;
	}
	exchange->last = at;
	return true;
}

/* Bytes from the client. `start` is the first one's sequence number. */
static __always_inline void on_request_bytes(struct exchange *exchange, __u64 at, __u32 start, __u32 bytes)
{
	if (exchange->turn == TURN_REQUESTED) {
		add_piece(exchange, at, bytes);
	} else if (is_login(exchange, at)) {
		return;
	} else if (exchange->flags & EXCHANGE_ONE_WAY) {
		note_no_response(exchange, elapsed(exchange->last, at));
		exchange->last = at;
	} else {
		begin_request(exchange, at, start);
		note_several(exchange, at, false);
	}
}

static __always_inline void close_turn(struct exchange *exchange, __u64 at)
{
	__u32 wait = elapsed(exchange->last, at);
	__u32 marks = 0;

	if (exchange->flags & EXCHANGE_OVERLAPPED)
		marks |= MARK_OVERLAPPED;
	if (is_long_wait(&exchange->usual, wait))
		marks |= MARK_LONG;
	if (exchange->flags & EXCHANGE_QUIET)
		exchange->flight = elapsed(exchange->first, at);
	if (exchange->end & END_CLIENT_FIRST)
		exchange->end |= END_LATE;
	note_response(exchange);
	exchange->turn = TURN_RESPONDED;
	exchange->responded = exchange->last + wait;
	sink_response(exchange, wait, marks);
	sink_outstanding(exchange, -1, exchange->responded);
	set_due(exchange, false, exchange->responded);
}

/* Bytes from the server. Returns whether they answered a request. */
static __always_inline bool on_response_bytes(struct exchange *exchange, __u64 at)
{
	if (exchange->turn == TURN_REQUESTED) {
		close_turn(exchange, at);
		return true;
	}
	if (exchange->turn == TURN_RESPONDED) {
		if (elapsed(exchange->responded, at) > APART_US && !(exchange->flags & EXCHANGE_CONTINUED)) {
			exchange->flags |= EXCHANGE_CONTINUED;
			sink_count(exchange, EXCHANGE_AMBIGUOUS, 1);
		}
		if (at > exchange->responded)
			exchange->responded = at;
	} else if (!exchange->last) {
		exchange->flags |= EXCHANGE_GREETED;
	} else if (exchange->flags & EXCHANGE_ONE_WAY) {
		note_response(exchange);
	}
	return false;
}

#endif

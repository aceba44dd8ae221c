/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * State of one connection's exchange, what its hooks read from the socket, and what they are told. Nothing here is of
 * the kernel: the BPF programs include it, and so do programs of user space.
 */
#ifndef KERNSCALE_EXCHANGE_STATE_H
#define KERNSCALE_EXCHANGE_STATE_H

#ifndef __noinline /* user space has __always_inline only */
#define __noinline __attribute__((noinline))
#endif

#define TCP_ESTABLISHED 1
#define TCP_FIN_WAIT1 4
#define TCP_FIN_WAIT2 5
#define TCP_CLOSE 7
#define TCP_CLOSE_WAIT 8
#define TCP_LAST_ACK 9
#define TCP_CLOSING 11

enum role { ROLE_CLIENT = 1, ROLE_SERVER };

enum turn {
	TURN_IDLE,      /* nothing was asked */
	TURN_REQUESTED, /* a request waits for the first byte of its response */
	TURN_RESPONDED, /* the response has begun */
};

enum exchange_flag {
	EXCHANGE_GREETED = 1,      /* the server spoke first, and the client has not yet */
	EXCHANGE_LOGIN = 2,        /* the client answers the greeting */
	EXCHANGE_OVERLAPPED = 4,   /* of this turn: it may hold several requests */
	EXCHANGE_CONTINUED = 8,    /* of this turn: its response went on after a pause */
	EXCHANGE_ONE_WAY = 16,     /* a stream of requests that get no response */
	EXCHANGE_QUIET = 32,       /* of this turn: it began after a pause */
	EXCHANGE_SEVERAL = 64,     /* several requests in flight, which cannot be told apart */
	EXCHANGE_GOODBYE = 128,    /* the last request took leave */
	EXCHANGE_HELD = 256,       /* of this turn: what came may be the response, or a ticket of TLS */
	EXCHANGE_WORK = 512,       /* the client waits for work */
	EXCHANGE_MULTIPLEX = 1024, /* each turn may hold several requests, which cannot be read */
	EXCHANGE_PERHAPS = 2048,   /* the client's last message may be a request: a response tells */
	EXCHANGE_ASIDE = 4096,     /* the server has sent what is no response since the last request */
	EXCHANGE_UPGRADE = 8192, /* of this turn: its response begins another protocol, whose turnarounds are others */
};

enum exchange_end {
	END_CLIENT_FIRST = 1, /* the client sent its FIN or RST first */
	END_SERVER_FIRST = 2,
	END_OURS = 4,  /* write_seq counts our FIN */
	END_PEERS = 8, /* rcv_nxt counts the peer's FIN */
	END_LATE = 16, /* a response was sent after the client's FIN */
	END_OVER = 32, /* all is settled: nothing is counted any more */
};

enum protocol {
	PROTOCOL_UNKNOWN, /* too little was shown */
	PROTOCOL_TURNS,   /* none of those below */
	PROTOCOL_HTTP1,
	PROTOCOL_HTTP2,
	PROTOCOL_TLS,
	PROTOCOL_MQTT,
	PROTOCOL_NATS,
	PROTOCOL_REDIS,
	PROTOCOL_AMQP,
	PROTOCOL_KAFKA,
	PROTOCOL_WEBSOCKET,
};

enum side { REQUESTS, RESPONSES };

/* One direction's frames. The next header is known by its sequence number: a hook that was skipped without one in it costs nothing. */
struct reader {
	__u32 next;
	__u8 have; /* bytes of a header that was cut */
	__u8 in_step;
	__u8 header[10];
};

/* Streams that were opened about the same time. */
struct stream_batch {
	__u32 id; /* the first one's */
	__u32 first, last;
};

#define MAX_STREAMS 128
#define MAX_BATCHES 4
#define MAX_PIPELINED 8

struct contents {
	struct reader readers[2]; /* enum side */
	union {
		struct {
			__u64 open[MAX_STREAMS / 64]; /* by half the stream's id */
			__u64 changed;                /* `waited` is up to date till then */
			__u64 waited;                 /* time of open streams that no observation holds yet */
			__u32 last_id;
			__u16 nr_open;
			__u16 newest; /* of `batches` */
			struct stream_batch batches[MAX_BATCHES];
		};
		struct {
			__u32 hello; /* TLS: position of the client's */
			__u32 asked; /* HTTP/2 in it: where the responses' next record began at the last request */
		};
		struct {
			__u32 times[MAX_PIPELINED]; /* ring of the requests after the first */
			__u8 oldest, nr_pipelined;
		};
	};
};

/*
 * Times are microseconds of the monotonic clock; those of 32 bits are its lower half. The first 64 bytes are all that
 * turns need.
 */
struct exchange {
	__u8 role;
	__u8 turn;
	__u16 flags;              /* enum exchange_flag */
	__u8 end;                 /* enum exchange_end */
	__u8 responds;            /* how surely requests get responses: 255 at first, below ONE_WAY they do not */
	__u8 pieces;              /* of this turn's request, told apart by pauses */
	__u8 protocol;            /* enum protocol */
	__u16 step;               /* of the protocol's own */
	__u32 sent;               /* write_seq up to which all is accounted for */
	__u32 received;           /* rcv_nxt up to which all is accounted for */
	__u32 read;               /* copied_seq up to which the contents were shown */
	__u32 start;              /* sequence number of the request's first byte */
	__u32 usual;              /* running mean of the turnarounds */
	__u32 flight;             /* turnaround of requests that were surely alone */
	__u32 first;              /* the request's first byte */
	__u32 overlapped;         /* last time that a piece came apart */
	__u32 held;               /* turnaround, if what came is the response */
	__u64 last;               /* the request's last byte */
	__u64 responded;          /* the response's last byte so far */
	struct contents contents; /* of protocols that are read */
};

/* What a hook reads from the socket. Sequence numbers are the kernel's own, FINs included. */
struct socket_view {
	__u64 now;        /* tcp_mstamp; at a change of state the clock, because tcp_mstamp may be seconds old there */
	__u64 first_sent; /* first_tx_mstamp */
	__u64 arrived;    /* the last data that came in, to a clock tick; 0: unknown */
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

/* What the bytes of one message are. */
enum verdict {
	VERDICT_TURN,    /* part of a turn */
	VERDICT_NOTHING, /* neither a request nor a response */
	VERDICT_ANOTHER, /* a request behind an outstanding one; a response behind another */
	VERDICT_WORK,    /* a request to wait for work */
	VERDICT_HOLD,    /* a response or a ticket of TLS */
	VERDICT_PERHAPS, /* a request, if a response follows */
};

/* Bytes of one direction, from sequence number `from` to `to`. */
struct span {
	__u64 at;
	__u64 unseen; /* time of a request that no hook has shown yet; 0: none */
	__u32 from, to;
	__u32 side; /* enum side */
};

/* One message that is looked into. */
struct message {
	struct exchange *exchange;
	struct payload *payload;
	const struct span *span;
	__u32 stream;  /* HTTP/2: of the frame at hand */
	__u16 records; /* TLS: how many may be part of a turn, and their lengths */
	__u16 shortest, longest;
	bool perhaps; /* TLS: one of the others may be a request */
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
/* Calls `step` up to `times` times, until it returns 1: the kernel's bpf_loop. */
static void sink_repeat(__u32 times, long (*step)(__u32 index, struct message *message), struct message *message);

/* Signed distance of sequence numbers, which wrap. */
static __always_inline __s32 ahead(__u32 position, __u32 of)
{
	return position - of;
}

static __always_inline __u32 elapsed_us(__u64 from, __u64 to)
{
	__u64 us = to > from ? to - from : 0;

	return us < ~0U ? us : ~0U;
}

#endif

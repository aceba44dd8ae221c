/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the length of an encrypted record of TLS tells, above all of HTTP/2. */
#ifndef KERNSCALE_TLS_LENGTHS_H
#define KERNSCALE_TLS_LENGTHS_H

#include "exchange_state.h"

enum tls_step {
	TLS_13 = 1,         /* the server sent encrypted records before the client did */
	TLS_READY = 2,      /* the handshake is over */
	TLS_FIRST_TURN = 4, /* tickets may come in place of the response */
	TLS_CLIENTS = 8, /* the client sent encrypted records, none of which was seen to be its last of the handshake */
	TLS_HELLO = 16,  /* the client's hello was looked into */
	TLS_OFFERS_H2 = 32, /* in its ALPN */
	TLS_STARTED = 64,   /* the client has sent data */
	TLS_PREFACE = 128,  /* HTTP/2: and may have begun with the preface */
	TLS_LONGER = 256,   /* HTTP/2: a request after the first was longer than the shortest one */
};

/* The client's Finished: 4 bytes and a hash of 32 or 48, its type and tag: the last record of its handshake. */
static __always_inline bool is_finished(__u32 bytes)
{
	return bytes == 4 + 32 + 17 || bytes == 4 + 48 + 17;
}

static __always_inline bool is_alert(struct exchange *exchange, __u32 bytes)
{
	return exchange->step & TLS_13 && bytes == 2 + 17;
}

/* Plain bytes of a record: without its type and tag, or before 1.3 without nonce and tag (AES-GCM). */
static __always_inline __u32 plain_bytes(struct exchange *exchange, __u32 bytes)
{
	return bytes - (exchange->step & TLS_13 ? 17 : 24);
}

/* Answer of the other side's SETTINGS, alone or with a WINDOW_UPDATE: what every connection of HTTP/2 sends. */
static __always_inline bool acknowledges_settings(__u32 plain)
{
	return plain == 9 || plain == 9 + 13;
}

/*
 * Preface; or preface and SETTINGS of up to 9 values, perhaps a WINDOW_UPDATE; or preface, SETTINGS without a value, and
 * a request, of the same length (Node).
 */
static __always_inline bool is_preface(__u32 plain)
{
	return plain == 24 ||
	       (plain <= 88 && plain >= 24 + 9 && ((plain - 33) % 6 == 0 || (plain >= 46 && (plain - 46) % 6 == 0)));
}

/* The first of the server: SETTINGS of up to 9 values, perhaps an answer to the client's, and a WINDOW_UPDATE. */
#define MOST_SETTINGS_BYTES (9 + 9 * 6 + 9 + 13)

#define SHORTEST_BYTES 13 /* a WINDOW_UPDATE; a request, all of it indexed */
#define WINDOW_BYTES 4096 /* of responses, after which Go updates its window; others need more */
#define WINDOW_US 50000   /* a client that has run since it read a response has updated its window */

static __always_inline bool is_long_response(struct exchange *exchange)
{
	return ahead(exchange->contents.readers[RESPONSES].next, exchange->contents.asked) >= WINDOW_BYTES;
}

/* The shortest record is likelier a WINDOW_UPDATE where requests are longer, or while a long response comes. */
static __always_inline bool may_update_window(struct message *message)
{
	struct exchange *exchange = message->exchange;

	return exchange->step & TLS_LONGER ||
	       (is_long_response(exchange) && elapsed_us(exchange->responded, message->span->at) < WINDOW_US);
}

static __always_inline bool is_clients_control(struct message *message, __u32 plain)
{
	struct exchange *exchange = message->exchange;
	bool started = exchange->step & TLS_STARTED;

	exchange->step |= TLS_STARTED;
	if (!started) {
		exchange->contents.asked = exchange->contents.readers[RESPONSES].next;
		message->perhaps = is_preface(plain);
		if (message->perhaps)
			exchange->step |= TLS_PREFACE;
		return message->perhaps;
	}
	if (!(exchange->flags & EXCHANGE_MULTIPLEX))
		return false;
	if (plain == SHORTEST_BYTES) {
		message->perhaps = may_update_window(message);
		return message->perhaps;
	}
	/* An answer to SETTINGS; PING or GOAWAY; WINDOW_UPDATEs of streams and connection. */
	if (plain == 9 || plain == 17 ||
	    (plain % SHORTEST_BYTES == 0 && plain <= 8 * SHORTEST_BYTES && is_long_response(exchange)))
		return true;
	if (exchange->turn == TURN_RESPONDED)
		exchange->step |= TLS_LONGER;
	return false;
}

static __always_inline bool is_servers_control(struct exchange *exchange, __u32 plain)
{
	bool is_first = !(exchange->flags & EXCHANGE_MULTIPLEX);

	if (is_first && plain <= MOST_SETTINGS_BYTES &&
	    (exchange->step & TLS_PREFACE || !(exchange->step & TLS_STARTED))) {
		exchange->flags |= EXCHANGE_MULTIPLEX;
		return true;
	}
	if (plain == 9 + 9)
		return exchange->turn == TURN_IDLE; /* SETTINGS and an answer to the client's */
	return !is_first && (plain == 9 || plain == 13 || plain == 17 || plain == 22 || plain == 26);
}

/* HTTP/2 in TLS, by the lengths of records: those that carry neither a request nor a response, or perhaps do. */
static __always_inline bool is_control(struct message *message, __u32 plain)
{
	struct exchange *exchange = message->exchange;

	if (acknowledges_settings(plain))
		exchange->flags |= EXCHANGE_MULTIPLEX;
	if (message->span->side == REQUESTS)
		return is_clients_control(message, plain);
	if (!is_servers_control(exchange, plain))
		return false;
	exchange->step &= ~TLS_FIRST_TURN; /* tickets come before the server's SETTINGS */
	return true;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Turnaround of requests on TCP connections: for a client, its last send to the first byte of the answer; for a
 * server, the request's arrival to the first byte it sends back. Both are one state machine that sees questions
 * and answers; the role says which direction is which. Times are the socket's own, in microseconds.
 */
#ifndef KERNSCALE_TURNAROUND_H
#define KERNSCALE_TURNAROUND_H

#include "connections.h"

/*
 * A question that follows an unanswered one after this long is another question, unless it is so large that it
 * is rather the body of the one before.
 */
#define SEPARATE_US 1000
#define BODY_BYTES 4096
/* A pause after which an unanswered question was no question: too long to be a machine under load. */
#define QUIET_US 1000000
/* So many questions in a row of several messages each, and each answered once: they come in several messages here. */
#define HABIT 8
/* A client that sent so often and never got an answer is a stream (logs, metrics): nothing is due on it. */
#define STREAM_QUESTIONS 16

/* What an answer tells: a turnaround, that earlier ones were ambiguous, or nothing (the answer goes on). */
struct turnaround {
	__s64 us; /* -1: none */
	bool ambiguous;
};

static hot void forget_questions(struct connection *connection)
{
	connection->open = 0;
	connection->oldest = 0;
	connection->overlapping = false;
}

static hot void push_question(struct connection *connection, __u64 now)
{
	__u32 place;

	if (connection->open == MAX_QUESTIONS) {
		connection->oldest = (connection->oldest + 1) & (MAX_QUESTIONS - 1);
		connection->open--;
	}
	place = (connection->oldest + connection->open) & (MAX_QUESTIONS - 1);
	connection->questions[place] = now;
	connection->open++;
	connection->messages = 1;
}

static hot void on_question(struct connection *connection, __u64 now, __u32 bytes)
{
	__u32 newest = (connection->oldest + connection->open - 1) & (MAX_QUESTIONS - 1);

	/* Quiet for much longer than an answer takes: whatever still looks open was answered together with others. */
	if (connection->last_answer > connection->last_question &&
	    now > connection->last_answer + QUIET_US + 4 * connection->last_wait) {
		forget_questions(connection);
		connection->indebted = false;
	}

	if (!connection->open) {
		connection->uncertain = connection->stray || connection->indebted;
		connection->stray = false;
		push_question(connection, now);
	} else if (connection->overlapping ||
		   (now > connection->last_question + SEPARATE_US && bytes < BODY_BYTES)) {
		connection->overlapping = true;
		push_question(connection, now);
	} else {
		connection->questions[newest] = now; /* the same question goes on: its last byte counts */
		if (connection->messages < 255)
			connection->messages++;
	}
	connection->last_question = now;

	if (connection->role != ROLE_CLIENT)
		return;
	if (!connection->answered && connection->unanswered < STREAM_QUESTIONS)
		connection->unanswered++;
	set_due(connection, connection->answered || connection->unanswered < STREAM_QUESTIONS);
}

/*
 * More of an answer, or an answer to something else? A pause that the network does not explain (`patience`) tells:
 * then several questions may have been asked at once, or the peer speaks unasked.
 */
static hot struct turnaround on_continuation(struct connection *connection, __u64 now, __u64 patience)
{
	struct turnaround turnaround = { .us = -1 };

	if (connection->answered && now > connection->last_answer + patience) {
		connection->stray = true;
		connection->streak = 0;
		turnaround.ambiguous = connection->messages > 1 && !connection->uncertain;
		connection->messages = 1;
	}
	connection->last_answer = now;
	return turnaround;
}

/*
 * Several messages that got one answer so far were one question (a head and a body), or several: then the answers
 * that follow are not those of the questions that follow.
 */
static hot void judge_messages(struct connection *connection)
{
	if (connection->messages == 1)
		connection->streak = 0;
	else if (connection->streak < HABIT)
		connection->indebted = ++connection->streak < HABIT;
}

static hot struct turnaround on_answer(struct connection *connection, __u64 now)
{
	struct turnaround turnaround;
	__u64 asked;

	turnaround.ambiguous = connection->overlapping || connection->uncertain;
	asked = connection->questions[connection->oldest & (MAX_QUESTIONS - 1)];
	judge_messages(connection);
	connection->oldest = (connection->oldest + 1) & (MAX_QUESTIONS - 1);
	connection->open--;
	if (!connection->open) {
		forget_questions(connection);
		set_due(connection, false);
	}
	connection->answered = true;
	connection->last_answer = now;
	connection->last_wait = now > asked ? now - asked : 0;
	turnaround.us = connection->last_wait;
	return turnaround;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Bytes that a process sends or has just received, in its own buffer, which the registers of its system call name.
 * io_uring, splice and kernel TLS show none.
 */
#ifndef KERNSCALE_PAYLOAD_H
#define KERNSCALE_PAYLOAD_H

#include "connection.h"
#include "syscalls.h"

#define MAX_PARTS 256 /* Node sends the frames of 100 streams in as many parts */

/* Bytes [begin, end) of the stream. */
struct payload {
	__u32 begin, end;
	bool sought;           /* the buffer was looked for */
	__u64 buffer, length;  /* if there is one; else 0 */
	__u64 parts, nr_parts; /* if there are several: struct iovec */
};

static __always_inline void seek_parts(struct payload *payload, __u64 parts, __u64 count)
{
	payload->parts = parts;
	payload->nr_parts = count < MAX_PARTS ? count : MAX_PARTS;
}

/* Finds the buffer by the system call that the current task is in. */
static __always_inline void seek_buffer(struct payload *payload)
{
	struct pt_regs *regs = registers_of(bpf_get_current_task_btf());
	__u64 second = SYSCALL_ARG2(regs);
	struct {
		__u64 name, name_length, parts, nr_parts;
	} message = {}; /* struct user_msghdr */

	payload->sought = true;
	switch (SYSCALL_NUMBER(regs)) {
	case __NR_read:
	case __NR_write:
	case __NR_recvfrom:
	case __NR_sendto:
		payload->buffer = second;
		payload->length = SYSCALL_ARG3(regs);
		return;
	case __NR_readv:
	case __NR_writev:
		seek_parts(payload, second, SYSCALL_ARG3(regs));
		return;
	case __NR_recvmsg:
	case __NR_sendmsg:
		if (!bpf_probe_read_user(&message, sizeof(message), (void *)second))
			seek_parts(payload, message.parts, message.nr_parts);
		return;
	}
}

/*
 * The kernel runs the hook for each segment that a call reads, and the buffer begins with the first one. A call that has
 * room left goes on while segments are unread (tcp_recvmsg_locked).
 */
static __always_inline void continue_read(struct connection *connection, struct payload *payload, __u32 received)
{
	const __u32 any_length = 1 << 30;
	__u64 buffer;

	seek_buffer(payload);
	buffer = payload->buffer ?: payload->parts;
	if (connection->read_goes_on && buffer == connection->read_buffer) {
		payload->begin = connection->read_begin;
	} else {
		connection->read_buffer = buffer;
		connection->read_begin = payload->begin;
		connection->read_limit = payload->begin + (payload->buffer ? (__u32)payload->length : any_length);
	}
	connection->read_goes_on = ahead(received, payload->end) > 0 && ahead(payload->end, connection->read_limit) < 0;
}

struct seek {
	__u64 parts, nr_parts;
	__u64 offset; /* still to pass */
	__u64 buffer, length;
};

static long seek_part(__u32 index, struct seek *seek)
{
	struct iovec part = {};

	if (index >= seek->nr_parts ||
	    bpf_probe_read_user(&part, sizeof(part), (void *)(seek->parts + index * sizeof(part))))
		return 1;
	if (seek->offset >= part.iov_len) {
		seek->offset -= part.iov_len;
		return 0;
	}
	seek->buffer = (__u64)part.iov_base + seek->offset;
	seek->length = part.iov_len - seek->offset;
	return 1;
}

/* Finds the bytes from number `offset` on. */
static __noinline int seek_byte(struct payload *payload, struct seek *seek)
{
	if (!payload || !seek)
		return 0;
	if (!payload->sought)
		seek_buffer(payload);
	if (payload->buffer && seek->offset < payload->length) {
		seek->buffer = payload->buffer + seek->offset;
		seek->length = payload->length - seek->offset;
	} else if (payload->nr_parts) {
		seek->parts = payload->parts;
		seek->nr_parts = payload->nr_parts;
		bpf_loop(MAX_PARTS, seek_part, seek, 0);
	}
	return 0;
}

static __always_inline void sink_repeat(__u32 times, long (*step)(__u32 index, struct message *message),
					struct message *message)
{
	bpf_loop(times, step, message, 0);
}

/* Of bytes that lie apart in the process's memory, nothing is copied. */
static __always_inline bool sink_peek(struct payload *payload, __u32 position, void *to, __u32 size)
{
	struct seek seek = {};

	if (!payload || ahead(position, payload->begin) < 0 || ahead(position + size, payload->end) > 0)
		return false;
	seek.offset = position - payload->begin;
	seek_byte(payload, &seek);
	return seek.length >= size && !bpf_probe_read_user(to, size, (void *)seek.buffer);
}

#endif

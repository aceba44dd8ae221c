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

/* Bytes [begin, end) of the stream. Small, because kernels before 6.13 have 512 bytes of stack for all calls together. */
struct payload {
	__u32 begin, end;
	__u64 buffer; /* or, if there are `nr_parts`, an array of struct iovec; 0: none */
	__u32 length; /* of one buffer */
	__u16 nr_parts;
	bool sought; /* the buffer was looked for */
};

static __always_inline void seek_parts(struct payload *payload, __u64 parts, __u64 count)
{
	payload->buffer = parts;
	payload->nr_parts = count < MAX_PARTS ? count : MAX_PARTS;
}

/* Finds the buffer by the system call that the current task is in. */
static __always_inline void seek_buffer(struct payload *payload)
{
	struct pt_regs *regs = registers_of(bpf_get_current_task_btf());
	const __u64 most = 1 << 30;
	__u64 second = SYSCALL_ARG2(regs), third = SYSCALL_ARG3(regs);
	struct {
		__u64 parts, nr_parts; /* after the name and its length in struct user_msghdr */
	} message = {};

	payload->sought = true;
	switch (SYSCALL_NUMBER(regs)) {
	case __NR_read:
	case __NR_write:
	case __NR_recvfrom:
	case __NR_sendto:
		payload->buffer = second;
		payload->length = third < most ? third : most;
		return;
	case __NR_readv:
	case __NR_writev:
		seek_parts(payload, second, third);
		return;
	case __NR_recvmsg:
	case __NR_sendmsg:
		if (!bpf_probe_read_user(&message, sizeof(message), (void *)(second + sizeof(message))))
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
	buffer = payload->buffer;
	if (buffer && connection->read_goes_on && buffer == connection->read_buffer) {
		payload->begin = connection->read_begin;
	} else {
		connection->read_buffer = buffer;
		connection->read_begin = payload->begin;
		connection->read_limit = payload->begin + (payload->nr_parts ? any_length : payload->length);
	}
	connection->read_goes_on = ahead(received, payload->end) > 0 && ahead(payload->end, connection->read_limit) < 0;
}

struct seek {
	__u64 address; /* of the array of parts; of the byte sought, once it is found */
	__u32 offset;  /* still to pass */
	__u32 length;
	__u32 nr_parts;
};

static long seek_part(__u32 index, struct seek *seek)
{
	struct iovec part = {};

	if (index >= seek->nr_parts ||
	    bpf_probe_read_user(&part, sizeof(part), (void *)(seek->address + index * sizeof(part))))
		return 1;
	if (seek->offset >= part.iov_len) {
		seek->offset -= part.iov_len;
		return 0;
	}
	seek->address = (__u64)part.iov_base + seek->offset;
	seek->length = part.iov_len - seek->offset;
	return 1;
}

/* Returns the address of byte number `offset`, or 0 if nothing shows `size` bytes from there on. */
static __noinline __u64 seek_bytes(struct payload *payload, __u32 offset, __u32 size)
{
	struct seek seek = { .offset = offset };

	if (!payload)
		return 0;
	if (!payload->sought)
		seek_buffer(payload);
	if (!payload->nr_parts)
		return offset + size <= payload->length ? payload->buffer + offset : 0;
	seek.address = payload->buffer;
	seek.nr_parts = payload->nr_parts;
	bpf_loop(MAX_PARTS, seek_part, &seek, 0);
	return seek.length >= size ? seek.address : 0;
}

static __always_inline void sink_repeat(__u32 times, long (*step)(__u32 index, struct message *message),
					struct message *message)
{
	bpf_loop(times, step, message, 0);
}

/* Of bytes that lie apart in the process's memory, nothing is copied. */
static __always_inline bool sink_peek(struct payload *payload, __u32 position, void *to, __u32 size)
{
	__u64 address;

	if (!payload || ahead(position, payload->begin) < 0 || ahead(position + size, payload->end) > 0)
		return false;
	address = seek_bytes(payload, position - payload->begin, size);
	return address && !bpf_probe_read_user(to, size, (void *)address);
}

#endif

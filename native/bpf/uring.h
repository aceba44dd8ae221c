/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What a thread that waits for io_uring waits for. */
#ifndef KERNSCALE_URING_H
#define KERNSCALE_URING_H

#include "reason.h"

/* Remembers what the last request given to io_uring will make its submitter wait for. */
static hot enum thread_state uring_reason(struct io_kiocb *request, struct task_struct *task)
{
	const __u8 readv = 1, writev = 2, fsync = 3, read_fixed = 4, write_fixed = 5, timeout = 11, read = 22, write = 23;
	__u8 opcode = request->opcode;

	switch (opcode) {
	case timeout:
		return STATE_SLEEP;
	case fsync:
		return STATE_DISK;
	case readv:
	case writev:
	case read_fixed:
	case write_fixed:
	case read:
	case write: {
		const __u64 fixed_file = 1;
		enum direction direction = opcode == writev || opcode == write_fixed || opcode == write ? WRITES : READS;

		/* A registered file's number is an index into the ring's own table: mostly storage engines' files. */
		return request->flags & fixed_file ? STATE_DISK : waiting_on_fd(task, request->cqe.fd, direction);
	}
	default:
		/* Sockets and polls: for an answer if one is due, decided when it blocks. */
		return STATE_NETWORK;
	}
}

static hot int on_uring_submit(struct io_kiocb *request)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = find_thread(task);

	if (thread)
		thread->uring_reason = uring_reason(request, task);
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(io_uring_submit, struct io_kiocb *request)
{
	return on_uring_submit(request);
}

/* The same under its name before 6.4 (2ad57931db64). */
SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(io_uring_submit_sqe, struct io_kiocb *request)
{
	return on_uring_submit(request);
}

#endif

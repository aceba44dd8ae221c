/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Blocked reason of a thread that waits for io_uring, derived from the last request it submitted. */
#ifndef KERNSCALE_URING_H
#define KERNSCALE_URING_H

#include "reason.h"

enum uring_waits {
	URING_WAITS_NETWORK, /* sockets and polls: whether a response is outstanding is decided at the wait */
	URING_WAITS_READ,    /* reads from the request's file */
	URING_WAITS_WRITE,   /* writes to the request's file */
	URING_WAITS_DISK,
	URING_WAITS_SLEEP,   /* a time-out; if a socket is waited for as well, the time-out belongs to that */
	URING_WAITS_NOTHING, /* accompanies other requests and tells nothing about them */
};

/* By operation number (enum io_uring_op); socket operations and those of later kernels are not listed. */
#define URING_OPS 64
static const __u8 uring_waits[URING_OPS] = {
	[0] = URING_WAITS_NOTHING,  /* nop */
	[1] = URING_WAITS_READ,     /* readv */
	[2] = URING_WAITS_WRITE,    /* writev */
	[3] = URING_WAITS_DISK,     /* fsync */
	[4] = URING_WAITS_READ,     /* read_fixed */
	[5] = URING_WAITS_WRITE,    /* write_fixed */
	[7] = URING_WAITS_NOTHING,  /* poll_remove */
	[8] = URING_WAITS_DISK,     /* sync_file_range */
	[11] = URING_WAITS_SLEEP,   /* timeout */
	[12] = URING_WAITS_NOTHING, /* timeout_remove */
	[14] = URING_WAITS_NOTHING, /* async_cancel */
	[15] = URING_WAITS_NOTHING, /* link_timeout */
	[17] = URING_WAITS_DISK,    /* fallocate */
	[18] = URING_WAITS_DISK,    /* openat */
	[19] = URING_WAITS_NOTHING, /* close */
	[20] = URING_WAITS_NOTHING, /* files_update */
	[21] = URING_WAITS_DISK,    /* statx */
	[22] = URING_WAITS_READ,    /* read */
	[23] = URING_WAITS_WRITE,   /* write */
	[24] = URING_WAITS_DISK,    /* fadvise */
	[25] = URING_WAITS_DISK,    /* madvise */
	[28] = URING_WAITS_DISK,    /* openat2 */
	[31] = URING_WAITS_NOTHING, /* provide_buffers */
	[32] = URING_WAITS_NOTHING, /* remove_buffers */
	[34] = URING_WAITS_NOTHING, /* shutdown */
	[35] = URING_WAITS_DISK,    /* renameat */
	[36] = URING_WAITS_DISK,    /* unlinkat */
	[37] = URING_WAITS_DISK,    /* mkdirat */
	[38] = URING_WAITS_DISK,    /* symlinkat */
	[39] = URING_WAITS_DISK,    /* linkat */
	[40] = URING_WAITS_NOTHING, /* msg_ring */
	[46] = URING_WAITS_DISK,    /* uring_cmd: NVMe passthrough */
};

static __always_inline enum thread_state uring_file(struct io_kiocb *request, struct task_struct *task,
						    struct thread *thread, enum direction direction)
{
	const __u64 fixed_file = 1;

	/* A registered file's number indexes the ring's own table; block requests in flight decide at the wait. */
	if (request->flags & fixed_file)
		return 0;
	return waiting_on_fd(task, thread->slot, request->cqe.fd, direction, TASK_UNINTERRUPTIBLE);
}

/* Blocked reason that the request implies for its submitter; 0: unknown until the wait. */
static __always_inline enum thread_state uring_reason(struct io_kiocb *request, struct task_struct *task,
						      struct thread *thread)
{
	enum thread_state before = thread->uring_reason;
	__u32 opcode = request->opcode;

	if (opcode >= URING_OPS)
		return STATE_NETWORK;
	switch (uring_waits[opcode]) {
	case URING_WAITS_READ:
		return uring_file(request, task, thread, READS);
	case URING_WAITS_WRITE:
		return uring_file(request, task, thread, WRITES);
	case URING_WAITS_DISK:
		return STATE_DISK;
	case URING_WAITS_SLEEP:
		return before == STATE_NETWORK ? before : STATE_SLEEP;
	case URING_WAITS_NOTHING:
		return before;
	default:
		return STATE_NETWORK;
	}
}

static __always_inline int on_uring_submit(struct io_kiocb *request)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = find_thread(task);

	if (thread)
		thread->uring_reason = uring_reason(request, task, thread);
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(io_uring_submit, struct io_kiocb *request)
{
	return on_uring_submit(request);
}

/* The tracepoint's name before 6.4 (2ad57931db64). */
SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(io_uring_submit_sqe, struct io_kiocb *request)
{
	return on_uring_submit(request);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Blocked reason of a thread that waits for io_uring, derived from the requests it submitted last. */
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

/* Before 6.13 (f03baece0866). */
struct io_kiocb___task {
	struct task_struct *task;
} __attribute__((preserve_access_index));

#define URING_FIXED_FILE (1 << 0) /* a registered file's number indexes the ring's own table */
#define URING_NO_RESULT (1 << 6)  /* completes without io_uring_complete unless it fails */

/* Blocked reason that the request implies for its submitter; 0: unknown until the wait. */
static __always_inline enum thread_state uring_reason(struct io_kiocb *request, struct task_struct *task,
						      struct thread *thread)
{
	enum thread_state before = thread->uring_reason;
	__u32 opcode = request->opcode, fd = request->cqe.fd;
	__u32 waits = opcode < URING_OPS ? uring_waits[opcode] : URING_WAITS_NETWORK;

	switch (waits) {
	case URING_WAITS_READ:
	case URING_WAITS_WRITE:
		return waiting_on_fd(task, thread->slot, fd, waits == URING_WAITS_READ ? READS : WRITES,
				     TASK_UNINTERRUPTIBLE);
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

/* `flags` has 32 bits up to 6.9 and 64 since: a plain load cannot be relocated from one to the other. */
static __always_inline __u64 request_flags(struct io_kiocb *request)
{
	return BPF_CORE_READ_BITFIELD(request, flags);
}

static __always_inline bool is_of_registered_file(struct io_kiocb *request)
{
	__u32 opcode = request->opcode;

	return request_flags(request) & URING_FIXED_FILE && opcode < URING_OPS &&
	       (uring_waits[opcode] == URING_WAITS_READ || uring_waits[opcode] == URING_WAITS_WRITE);
}

/*
 * A thread waits for its last request of a file until that completes, which it soon does; from then on for its last
 * request of another kind, which may never complete (accept, receive).
 */
static __always_inline int on_uring_submit(struct io_kiocb *request)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = find_thread(task);
	bool registered = is_of_registered_file(request);
	enum thread_state reason;

	if (!thread)
		return 0;
	reason = registered ? 0 : uring_reason(request, task, thread);
	if (reason != STATE_DISK && !registered)
		thread->uring_reason = reason;
	else if (!(request_flags(request) & URING_NO_RESULT))
		thread->uring_file = lower_half(request) | (registered ? URING_REGISTERED : 0);
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

static __always_inline __u32 uring_submitter(struct io_kiocb *request)
{
	struct io_kiocb___task *before = (void *)request;
	struct task_struct *task;
	struct io_uring_task *state;

	if (bpf_core_field_exists(before->task)) {
		task = peek(before, task);
	} else {
		state = peek(request, tctx);
		task = peek(state, task);
	}
	return peek(task, pid);
}

/* Any thread may complete a request. `completed` is NULL for a result that is not the request's last. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(io_uring_complete, struct io_ring_ctx *ring, void *completed)
{
	struct io_kiocb *request = typed(struct io_kiocb, completed);
	__u32 pid = completed ? uring_submitter(request) : 0;
	struct thread *thread = pid ? thread_table_entry(pid) : NULL;

	if (thread && thread->pid == pid && (thread->uring_file & ~URING_REGISTERED) == lower_half(completed))
		thread->uring_file = 0;
	return 0;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Which threads serve a request: the one that read it last, until its response begins, on whatever thread, or until that
 * thread waits for work. The scheduler probe adds the states of such a thread to `serving_ns`.
 *
 *	          reads a request                 waits in a futex, for a disk, a peer, a CPU, ...
 *	 not serving ─────────────▶ serving ◀─────────────────────────────────────────────────┐
 *	     ▲                       │  │ └───────────────────────────────────────────────────┘
 *	     └───────────────────────┘  └─▶ not serving
 *	  its response begins,           waits for work: accept, a poller without an outstanding
 *	  or the connection ends         request of its own, a receive on a server's socket
 */
#ifndef KERNSCALE_SERVING_H
#define KERNSCALE_SERVING_H

#include "connection.h"

/* NULL for a thread whose record is in task storage: what it serves is not counted. */
static __always_inline struct thread *thread_of(__u32 pid)
{
	struct thread *thread = thread_table_entry(pid);

	return thread && thread->pid == pid ? thread : NULL;
}

static __always_inline void end_serving(struct connection *connection)
{
	struct thread *thread;

	if (!connection->reader)
		return;
	thread = thread_of(connection->reader);
	if (thread && thread->serving)
		thread->serving--;
	connection->reader = 0;
}

/* The current thread has sent something; no request on the connection is without a response any more. */
static __always_inline void response_sent(struct connection *connection)
{
	struct thread *thread = connection->reader ? thread_of(bpf_get_current_task_btf()->pid) : NULL;

	if (thread)
		thread->served = true;
	end_serving(connection);
}

/*
 * The current thread has read a request, or a part of one, from a server's connection. Not inlined: its variables would
 * take stack from the deeper calls of its caller, of which kernels before 6.13 have 512 bytes in all.
 */
static __noinline int request_read(struct connection *connection)
{
	struct thread *thread = connection ? thread_of(bpf_get_current_task_btf()->pid) : NULL;

	if (!thread)
		return 0;
	thread->served = true;
	if (connection->reader && connection->reader != thread->pid)
		end_serving(connection);
	if (!thread->serving || !connection->reader)
		thread->serving += thread->serving < 255;
	connection->reader = thread->pid;
	return 0;
}

#endif

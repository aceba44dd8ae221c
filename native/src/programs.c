// SPDX-License-Identifier: Apache-2.0
#include "programs.h"

const struct program programs[] = {
	{ .name = "sched_switch", .probe = PROBE_SCHEDULER, .tracepoint = "sched_switch" },
	{ .name = "sched_process_fork", .probe = PROBE_SCHEDULER, .always = true, .tracepoint = "sched_process_fork" },
	{ .name = "settle", .probe = PROBE_SCHEDULER, .always = true },
	{ .name = "io_uring_submit", .probe = PROBE_SCHEDULER, .tracepoint = "io_uring_submit_req" },
	{ .name = "io_uring_submit_sqe",
	  .probe = PROBE_SCHEDULER,
	  .tracepoint = "io_uring_submit_sqe",
	  .instead_of = "io_uring_submit_req",
	  .absent = "threads waiting in io_uring count as idle" },
	{ .name = "cgroup_created", .probe = PROBE_SCHEDULER, .events = true, .tracepoint = "cgroup_mkdir" },
	{ .name = "cgroup_removed", .probe = PROBE_SCHEDULER, .events = true, .tracepoint = "cgroup_rmdir" },
	{ .name = "sample", .probe = PROBE_SAMPLING },
	{ .name = "block_io_start", .probe = PROBE_BLOCKIO, .tracepoint = "block_io_start" },
	{ .name = "block_rq_issue",
	  .probe = PROBE_BLOCKIO,
	  .tracepoint = "block_rq_issue",
	  .instead_of = "block_io_start" },
	{ .name = "block_rq_complete", .probe = PROBE_BLOCKIO, .tracepoint = "block_rq_complete" },
	{ .name = "sock_send_length", .probe = PROBE_TCP, .tracepoint = "sock_send_length" },
	{ .name = "net_dev_queue", .probe = PROBE_TCP, .tracepoint = "net_dev_queue", .instead_of = "sock_send_length" },
	{ .name = "tcp_rcv_space_adjust",
	  .probe = PROBE_TCP,
	  .tracepoint = "tcp_rcv_space_adjust",
	  .absent = "no kernscale_tcp_wait_seconds and no kernscale_tcp_serve_seconds" },
	{ .name = "inet_sock_set_state", .probe = PROBE_TCP, .tracepoint = "inet_sock_set_state" },
	{ .name = "tcp_retransmit", .probe = PROBE_TCP, .tracepoint = "tcp_retransmit_skb" },
};

const size_t nr_programs = sizeof(programs) / sizeof(programs[0]);

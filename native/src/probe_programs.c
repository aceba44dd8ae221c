// SPDX-License-Identifier: Apache-2.0
/* The programs of kernscale.bpf.c. */
#include "programs.h"
#include "session.h"

static int attach_samples(void *owner, struct bpf_program *program)
{
	struct session *session = owner;

	return cpu_clocks_open(&session->samples, program, session->options.sample_hz, true);
}

const struct program probe_programs[] = {
	{ .name = "sched_switch",
	  .probe = PROBE_SCHEDULER,
	  .tracepoint = "sched_switch",
	  .loss = "kernscale_state_seconds_total, kernscale_oncpu_seconds, kernscale_runqueue_seconds and "
		  "kernscale_offcpu_seconds are missing" },
	{ .name = "task_newtask",
	  .probe = PROBE_SCHEDULER,
	  .always = true,
	  .tracepoint = "task_newtask",
	  .loss = "all metrics omit a new thread until the next read-out" },
	{ .name = "flush_threads",
	  .probe = PROBE_SCHEDULER,
	  .always = true,
	  .loss = "kernscale_state_seconds_total omits in-flight intervals and threads older than the probe" },
	{ .name = "sched_process_exec",
	  .probe = PROBE_SCHEDULER,
	  .always = true,
	  .tracepoint = "sched_process_exec",
	  .loss = "all metrics omit a process until the next read-out if a thread other than its first calls exec" },
	{ .name = "cgroup_attach_task",
	  .probe = PROBE_SCHEDULER,
	  .tracepoint = "cgroup_attach_task",
	  .loss = "all metrics bill a migrated thread to its old container until its next switch or read-out" },
	{ .name = "io_uring_submit",
	  .probe = PROBE_SCHEDULER,
	  .tracepoint = "io_uring_submit_req",
	  .loss = "kernscale_state_seconds_total counts threads that wait in io_uring as idle" },
	{ .name = "io_uring_submit_sqe",
	  .probe = PROBE_SCHEDULER,
	  .tracepoint = "io_uring_submit_sqe",
	  .fallback_for = "io_uring_submit",
	  .loss = "kernscale_state_seconds_total counts threads that wait in io_uring as idle" },
	{ .name = "io_uring_complete",
	  .probe = PROBE_SCHEDULER,
	  .tracepoint = "io_uring_complete",
	  .loss = "kernscale_state_seconds_total counts threads that wait in io_uring as disk after a request of a "
		  "file" },
	{ .name = "cgroup_created",
	  .probe = PROBE_SCHEDULER,
	  .events = true,
	  .tracepoint = "cgroup_mkdir",
	  .loss = "all metrics omit a new container until the next scan" },
	{ .name = "cgroup_removed",
	  .probe = PROBE_SCHEDULER,
	  .events = true,
	  .tracepoint = "cgroup_rmdir",
	  .loss = "all metrics include a removed container until the next scan" },
	{ .name = "sample",
	  .probe = PROBE_SAMPLING,
	  .attach = attach_samples,
	  .loss = "kernscale_cpu_samples_total is missing" },
	{ .name = "block_io_start",
	  .probe = PROBE_BLOCKIO,
	  .tracepoint = "block_io_start",
	  .loss = "kernscale_blockio_seconds and kernscale_blockio_bytes omit requests without a blkcg" },
	{ .name = "block_rq_issue",
	  .probe = PROBE_BLOCKIO,
	  .tracepoint = "block_rq_issue",
	  .fallback_for = "block_io_start",
	  .loss = "kernscale_blockio_seconds and kernscale_blockio_bytes omit requests without a blkcg" },
	{ .name = "block_rq_complete",
	  .probe = PROBE_BLOCKIO,
	  .tracepoint = "block_rq_complete",
	  .loss = "kernscale_blockio_seconds, kernscale_blockio_bytes and kernscale_blockio_failures_total are "
		  "missing" },
	{ .name = "sock_send_length",
	  .probe = PROBE_TCP,
	  .tracepoint = "sock_send_length",
	  .loss = "kernscale_tcp_serve_seconds is missing; kernscale_tcp_wait_seconds is incomplete" },
	{ .name = "net_dev_queue",
	  .probe = PROBE_TCP,
	  .tracepoint = "net_dev_queue",
	  .fallback_for = "sock_send_length",
	  .loss = "kernscale_tcp_serve_seconds is missing; kernscale_tcp_wait_seconds is incomplete" },
	{ .name = "tcp_rcv_space_adjust",
	  .probe = PROBE_TCP,
	  .tracepoint = "tcp_rcv_space_adjust",
	  .loss = "kernscale_tcp_wait_seconds and kernscale_tcp_serve_seconds are missing" },
	{ .name = "inet_sock_set_state",
	  .probe = PROBE_TCP,
	  .tracepoint = "inet_sock_set_state",
	  .loss = "kernscale_tcp_connections_total and kernscale_tcp_failures_total are missing" },
	{ .name = "adopt_listeners",
	  .probe = PROBE_TCP,
	  .loss = "kernscale_tcp_accept_overflows_total omits listening sockets older than the probe" },
	{ .name = "tcp_retransmit",
	  .probe = PROBE_TCP,
	  .tracepoint = "tcp_retransmit_skb",
	  .loss = "kernscale_tcp_retransmits_total is missing" },
};

const size_t nr_probe_programs = sizeof(probe_programs) / sizeof(probe_programs[0]);

_Static_assert(sizeof(probe_programs) / sizeof(probe_programs[0]) <= MAX_PROGRAMS, "raise MAX_PROGRAMS");

const struct member probe_members[] = {
	{ .program = "sched_switch",
	  .type = "cfs_rq",
	  .name = "throttle_count",
	  .other_type = "task_struct",
	  .other_name = "throttled",
	  .loss = "kernscale_state_seconds_total counts throttled threads as runqueue" },
	{ .program = "sched_switch",
	  .type = "cfs_rq",
	  .name = "throttled_clock_self_time",
	  .other_type = "task_struct",
	  .other_name = "throttled",
	  .loss = "kernscale_state_seconds_total counts a throttled thread as runqueue unless it was running when the "
		  "quota ran out" },
};

const size_t nr_probe_members = sizeof(probe_members) / sizeof(probe_members[0]);

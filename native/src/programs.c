// SPDX-License-Identifier: Apache-2.0
#include "programs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct program programs[] = {
	{ .name = "sched_switch",
	  .probe = PROBE_SCHEDULER,
	  .tracepoint = "sched_switch",
	  .absent = "no kernscale_state_seconds_total, kernscale_oncpu_seconds, kernscale_runqueue_seconds and "
		    "kernscale_offcpu_seconds" },
	{ .name = "sched_process_fork",
	  .probe = PROBE_SCHEDULER,
	  .always = true,
	  .tracepoint = "sched_process_fork",
	  .absent = "threads count from the next read on, in every metric" },
	{ .name = "settle",
	  .probe = PROBE_SCHEDULER,
	  .always = true,
	  .absent = "kernscale_state_seconds_total lacks what is unfinished, and threads older than the probe" },
	{ .name = "sched_process_exec",
	  .probe = PROBE_SCHEDULER,
	  .always = true,
	  .tracepoint = "sched_process_exec",
	  .absent = "a program started by another thread than the first counts from the next read on" },
	{ .name = "cgroup_attach_task",
	  .probe = PROBE_SCHEDULER,
	  .tracepoint = "cgroup_attach_task",
	  .absent = "a thread moved between containers counts in the new one from its next switch or read on" },
	{ .name = "io_uring_submit",
	  .probe = PROBE_SCHEDULER,
	  .tracepoint = "io_uring_submit_req",
	  .absent = "threads waiting in io_uring count as idle in kernscale_state_seconds_total" },
	{ .name = "io_uring_submit_sqe",
	  .probe = PROBE_SCHEDULER,
	  .tracepoint = "io_uring_submit_sqe",
	  .instead_of = "io_uring_submit_req",
	  .absent = "threads waiting in io_uring count as idle in kernscale_state_seconds_total" },
	{ .name = "cgroup_created",
	  .probe = PROBE_SCHEDULER,
	  .events = true,
	  .tracepoint = "cgroup_mkdir",
	  .absent = "containers are measured from the next scan on" },
	{ .name = "cgroup_removed",
	  .probe = PROBE_SCHEDULER,
	  .events = true,
	  .tracepoint = "cgroup_rmdir",
	  .absent = "containers are served until the next scan" },
	{ .name = "sample", .probe = PROBE_SAMPLING, .absent = "no kernscale_cpu_samples_total" },
	{ .name = "block_io_start",
	  .probe = PROBE_BLOCKIO,
	  .tracepoint = "block_io_start",
	  .absent = "kernscale_blockio_seconds and kernscale_blockio_bytes know no owner but the request's blkcg" },
	{ .name = "block_rq_issue",
	  .probe = PROBE_BLOCKIO,
	  .tracepoint = "block_rq_issue",
	  .instead_of = "block_io_start",
	  .absent = "kernscale_blockio_seconds and kernscale_blockio_bytes know no owner but the request's blkcg" },
	{ .name = "block_rq_complete",
	  .probe = PROBE_BLOCKIO,
	  .tracepoint = "block_rq_complete",
	  .absent = "no kernscale_blockio_seconds, kernscale_blockio_bytes and kernscale_blockio_failures_total" },
	{ .name = "sock_send_length",
	  .probe = PROBE_TCP,
	  .tracepoint = "sock_send_length",
	  .absent = "kernscale_tcp_serve_seconds and much of kernscale_tcp_wait_seconds is missing" },
	{ .name = "net_dev_queue",
	  .probe = PROBE_TCP,
	  .tracepoint = "net_dev_queue",
	  .instead_of = "sock_send_length",
	  .absent = "kernscale_tcp_serve_seconds and much of kernscale_tcp_wait_seconds is missing" },
	{ .name = "tcp_rcv_space_adjust",
	  .probe = PROBE_TCP,
	  .tracepoint = "tcp_rcv_space_adjust",
	  .absent = "no kernscale_tcp_wait_seconds and no kernscale_tcp_serve_seconds" },
	{ .name = "inet_sock_set_state",
	  .probe = PROBE_TCP,
	  .tracepoint = "inet_sock_set_state",
	  .absent = "no kernscale_tcp_connections_total and kernscale_tcp_failures_total" },
	{ .name = "tcp_retransmit",
	  .probe = PROBE_TCP,
	  .tracepoint = "tcp_retransmit_skb",
	  .absent = "no kernscale_tcp_retransmits_total" },
};

const size_t nr_programs = sizeof(programs) / sizeof(programs[0]);

const struct member members[] = {
	{ .program = "sched_switch",
	  .type = "cfs_rq",
	  .name = "throttle_count",
	  .other_type = "task_struct",
	  .other_name = "throttled",
	  .absent = "kernscale_state_seconds_total has no time in the state throttled" },
	{ .program = "sched_switch",
	  .type = "cfs_rq",
	  .name = "throttled_clock_self_time",
	  .other_type = "task_struct",
	  .other_name = "throttled",
	  .absent = "in kernscale_state_seconds_total, threads that wait already when the quota ends, or wake up after, "
		    "are in the state runqueue" },
};

const size_t nr_members = sizeof(members) / sizeof(members[0]);

struct program_status *program_status(struct session *session, const char *name)
{
	for (size_t i = 0; i < session->nr_programs; i++)
		if (!strcmp(session->programs[i].name, name))
			return &session->programs[i];
	return NULL;
}

bool program_attached(struct session *session, const char *name)
{
	const struct program_status *status = program_status(session, name);

	return status && status->attached;
}

void tell_absence(struct program_status *status, const char *format, ...)
{
	char why[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	snprintf(status->detail, sizeof(status->detail), "%s: %s", why, status->absent);
}

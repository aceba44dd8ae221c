// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Empty programs, one on each hook that the loads trigger: the cost of a hook and of the kernel's accounting. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("tp_btf/sched_switch")
int BPF_PROG(nothing_switch)
{
	return 0;
}

SEC("tp_btf/block_io_start")
int BPF_PROG(nothing_submitted)
{
	return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(nothing_block)
{
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(nothing_tcp)
{
	return 0;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(nothing_received)
{
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(nothing_state)
{
	return 0;
}

SEC("perf_event")
int nothing_sample(void *context)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";

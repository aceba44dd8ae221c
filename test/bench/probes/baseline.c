// SPDX-License-Identifier: Apache-2.0
/*
 * Attaches empty programs and, unless `untimed`, makes the kernel time every BPF program of the machine while it runs:
 *   baseline HZ [untimed]
 * prints "ready" once it is set up; ends at the end of its standard input.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <signal.h>
#include <unistd.h>

#include "baseline.skel.h"

static void die(const char *what)
{
	fprintf(stderr, "baseline: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* A hook that this kernel lacks is not attached. */
static void leave_out_absent(struct baseline *skeleton)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, skeleton->obj) {
		const char *hook = strchr(bpf_program__section_name(program), '/');

		if (hook && libbpf_find_vmlinux_btf_id(hook + 1, BPF_TRACE_RAW_TP) < 0)
			bpf_program__set_autoload(program, false);
	}
}

static void attach_samples(struct baseline *skeleton, int hz)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1,
		.sample_freq = hz,
	};

	for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++) {
		int event = syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

		if (event < 0 && errno == ENODEV)
			continue; /* possible, but offline */
		if (event < 0 || !bpf_program__attach_perf_event(skeleton->progs.nothing_sample, event))
			die("perf event");
	}
}

int main(int argc, char **argv)
{
	struct baseline *skeleton;
	char ignored[64];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc < 2) {
		fprintf(stderr, "usage: baseline HZ [untimed]\n");
		return 2;
	}
	skeleton = baseline__open();
	if (!skeleton)
		die("open");
	leave_out_absent(skeleton);
	if (baseline__load(skeleton) || baseline__attach(skeleton))
		die("load");
	attach_samples(skeleton, atoi(argv[1]));
	if (argc == 2 && bpf_enable_stats(BPF_STATS_RUN_TIME) < 0)
		die("statistics of BPF programs (they need CAP_SYS_ADMIN)");
	printf("ready\n");
	fflush(stdout);
	while (read(STDIN_FILENO, ignored, sizeof(ignored)) > 0)
		;
	return 0;
}

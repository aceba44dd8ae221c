// SPDX-License-Identifier: Apache-2.0
/* From loaded programs to attached ones. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernscale.skel.h"
#include "messages.h"
#include "programs.h"
#include "session.h"

int perf_event_on(int cpu, uint32_t hz)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1,
		.sample_freq = hz,
	};

	return syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int attach_sampling(struct session *session)
{
	int cpus = libbpf_num_possible_cpus();

	session->sample_links = calloc(cpus, sizeof(*session->sample_links));
	if (!session->sample_links)
		return -ENOMEM;
	for (int cpu = 0; cpu < cpus; cpu++) {
		int event = perf_event_on(cpu, session->options.sample_hz);
		struct bpf_link *link;

		if (event < 0 && errno == ENODEV)
			continue; /* possible, but offline */
		if (event < 0)
			return -errno;
		link = bpf_program__attach_perf_event(session->skeleton->progs.sample, event);
		if (!link) {
			int error = errno;

			close(event);
			return -error;
		}
		session->sample_links[session->nr_sample_links++] = link;
	}
	return 0;
}

static int attach_program(struct session *session, const char *name)
{
	struct bpf_object_skeleton *skeleton = session->skeleton->skeleton;

	if (!strcmp(name, "sample"))
		return attach_sampling(session);
	for (int i = 0; i < skeleton->prog_cnt; i++) {
		struct bpf_prog_skeleton *program = &skeleton->progs[i];

		if (strcmp(program->name, name))
			continue;
		*program->link = bpf_program__attach(*program->prog);
		return *program->link ? 0 : -errno;
	}
	return -ENOENT;
}

static void attach_status(struct session *session, struct program_status *status)
{
	int error;

	if (!status->wanted)
		return;
	error = attach_program(session, status->name);
	status->attached = !error;
	if (!error && status->member)
		snprintf(status->detail, sizeof(status->detail), "this kernel has no %s.%s: %s", status->member->type,
			 status->member->name, status->member->absent);
	if (error)
		tell_absence(status, "cannot attach: %s", strerror(-error));
}

/* All hooks first, then the threads there are: what they do meanwhile is seen. */
bool session_attach(struct session *session, struct failure *failure)
{
	bool any = false;

	for (size_t i = 0; i < session->nr_programs; i++)
		attach_status(session, &session->programs[i]);
	session->skeleton->bss->switches_seen = program_attached(session, "sched_switch");
	session_settle(session);

	for (size_t i = 0; i < session->nr_programs; i++)
		any |= session->programs[i].attached && session->options.probes[session->programs[i].probe];
	if (!any)
		fail(failure, "ATTACH_FAILED", "no BPF program attaches to this kernel: %s", messages_last_warning());
	return any;
}

// SPDX-License-Identifier: Apache-2.0
/* From loaded programs to attached ones. */
#include <stdio.h>

#include "kernscale.skel.h"
#include "messages.h"
#include "probe_programs.h"
#include "session.h"

int session_attach_samples(void *owner, struct bpf_program *program)
{
	struct session *session = owner;

	return clocks_open(&session->samples, program, session->options.sample_hz, true);
}

static void tell_limits(struct program_status *status)
{
	const struct member *missing = status->member;

	if (status->attached && missing)
		snprintf(status->detail, sizeof(status->detail), "this kernel has no %s.%s: %s", missing->type,
			 missing->name, missing->absent);
}

/* All hooks first, then the threads there are: what they do meanwhile is seen. */
bool session_attach(struct session *session, struct failure *failure)
{
	struct programs *programs = &session->programs;
	bool any = false;

	programs_attach(programs, session->skeleton->skeleton, session);
	session->skeleton->bss->switches_seen = program_attached(programs, "sched_switch");
	session_flush(session);

	for (size_t i = 0; i < programs->count; i++) {
		struct program_status *status = &programs->status[i];

		tell_limits(status);
		any |= status->attached && session->options.probes[status->program->probe];
	}
	if (!any)
		fail(failure, "ATTACH_FAILED", "no BPF program attaches to this kernel: %s", messages_last_warning());
	return any;
}

// SPDX-License-Identifier: Apache-2.0
#include "programs.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "messages.h"
#include "user_reads.h"

struct program_status *program_status(struct programs *programs, const char *name)
{
	for (size_t i = 0; i < programs->count; i++)
		if (!strcmp(programs->status[i].program->name, name))
			return &programs->status[i];
	return NULL;
}

bool program_attached(struct programs *programs, const char *name)
{
	const struct program_status *status = program_status(programs, name);

	return status && status->attached;
}

void programs_add(struct programs *programs, const struct program *program)
{
	programs->status[programs->count++] =
		(struct program_status){ .program = program, .wanted = !program->fallback_for };
}

/* Returns the program that replaces this one where it cannot be loaded, or NULL. */
static struct program_status *fallback_of(struct programs *programs, const struct program_status *status)
{
	for (size_t i = 0; i < programs->count; i++) {
		const char *preferred = programs->status[i].program->fallback_for;

		if (preferred && !strcmp(preferred, status->program->name))
			return &programs->status[i];
	}
	return NULL;
}

static bool is_omitted(const struct program_status *status)
{
	return status->detail[0];
}

void programs_omit(struct programs *programs, struct program_status *status, const char *format, ...)
{
	struct program_status *fallback = fallback_of(programs, status);
	char reason[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	snprintf(status->detail, sizeof(status->detail), "%s: %s", reason, status->program->loss);
	status->wanted = false;
	if (fallback && !is_omitted(fallback))
		fallback->wanted = true;
}

/* A pending signal interrupts the verifier (EAGAIN), which would be taken for a refused program. */
static int load_with_signals_blocked(struct bpf_object_skeleton *skeleton)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	error = bpf_object__load_skeleton(skeleton);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

static int load_once(struct programs *programs, const struct object *object, void *owner)
{
	struct bpf_object_skeleton *skeleton = object->open(owner);
	struct bpf_program *program;
	int error = 0;

	if (!skeleton)
		return -errno;
	bpf_object__for_each_program(program, *skeleton->obj) {
		const struct program_status *status = program_status(programs, bpf_program__name(program));

		error |= bpf_program__set_autoload(program, status && status->wanted);
	}
	return error ?: load_with_signals_blocked(skeleton);
}

/* Neither an unused fallback nor a replaced program loses metrics. If both fail, the preferred program reports the loss. */
static bool is_reported(struct programs *programs, const struct program_status *status)
{
	const struct program_status *fallback = fallback_of(programs, status);

	return status->wanted || !(status->program->fallback_for || (fallback && fallback->wanted));
}

static void drop_unreported(struct programs *programs)
{
	struct programs reported = {};

	for (size_t i = 0; i < programs->count; i++)
		if (is_reported(programs, &programs->status[i]))
			reported.status[reported.count++] = programs->status[i];
	*programs = reported;
}

/* Of a program and its fallback, the preferred one is reported; what counts is why the last of them is omitted. */
static void pass_reason_on(struct programs *programs, const struct program_status *fallback)
{
	const char *name = fallback->program->fallback_for;
	struct program_status *preferred = name ? program_status(programs, name) : NULL;

	if (!preferred)
		return;
	preferred->locked_down = fallback->locked_down;
	memcpy(preferred->detail, fallback->detail, sizeof(preferred->detail));
}

/* Every kernel with BTF has the helper; with CAP_PERFMON, it is lockdown=confidentiality that withholds it. */
static bool is_locked_down(size_t messages)
{
	return messages_refuse_helper(messages, "bpf_probe_read");
}

static void omit_refused(struct programs *programs, struct program_status *refused, int error, size_t messages)
{
	refused->locked_down = is_locked_down(messages);
	if (refused->locked_down)
		programs_omit(programs, refused,
			      "refused by the kernel's lockdown (confidentiality), which forbids reads of kernel "
			      "memory: boot with lockdown=integrity, or run Linux 6.2 or newer");
	else
		programs_omit(programs, refused, "refused by the kernel: %s", strerror(error));
	pass_reason_on(programs, refused);
}

/* libbpf loads all programs or none: omits the program that it blames, and retries. */
bool programs_load(struct programs *programs, const struct object *object, void *owner, struct failure *failure)
{
	for (;;) {
		size_t before = messages_count();
		int error = load_once(programs, object, owner);
		struct program_status *refused;
		const char *name;

		user_reads_end_loading();
		if (!error) {
			drop_unreported(programs);
			return true;
		}
		object->close(owner);
		name = messages_failed_program(before);
		refused = name ? program_status(programs, name) : NULL;
		if (!refused || !refused->wanted) {
			fail(failure, "LOAD_FAILED", "the BPF programs cannot be loaded (%s): %s", strerror(-error),
			     messages_last_warning());
			return false;
		}
		omit_refused(programs, refused, -error, before);
	}
}

static int attach(const struct program *program, const struct bpf_object_skeleton *skeleton, void *owner)
{
	for (int i = 0; i < skeleton->prog_cnt; i++) {
		const struct bpf_prog_skeleton *loaded = &skeleton->progs[i];

		if (strcmp(loaded->name, program->name))
			continue;
		if (program->attach)
			return program->attach(owner, *loaded->prog);
		*loaded->link = bpf_program__attach(*loaded->prog);
		return *loaded->link ? 0 : -errno;
	}
	return -ENOENT;
}

static void report_limits(struct program_status *status)
{
	const struct member *missing = status->missing;

	if (missing)
		snprintf(status->detail, sizeof(status->detail), "this kernel has no %s.%s: %s", missing->type,
			 missing->name, missing->loss);
}

void programs_attach(struct programs *programs, const struct bpf_object_skeleton *skeleton, void *owner)
{
	for (size_t i = 0; i < programs->count; i++) {
		struct program_status *status = &programs->status[i];
		int error = status->wanted ? attach(status->program, skeleton, owner) : 0;

		status->attached = status->wanted && !error;
		if (status->attached)
			report_limits(status);
		else if (error)
			programs_omit(programs, status, "cannot attach: %s", strerror(-error));
	}
}

static int open_cpu_clock(int cpu, uint32_t hz)
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

static int enable(int event, bool enabled)
{
	return ioctl(event, enabled ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0) ? -errno : 0;
}

static int attach_cpu_clock(struct cpu_clocks *clocks, struct bpf_program *program, int cpu, uint32_t hz, bool enabled)
{
	int event = open_cpu_clock(cpu, hz);
	struct bpf_link *link;

	if (event < 0)
		return errno == ENODEV ? 0 : -errno; /* the CPU is possible but offline */
	link = bpf_program__attach_perf_event(program, event);
	if (!link) {
		int error = errno;

		close(event);
		return -error;
	}
	clocks->links[clocks->count] = link;
	clocks->events[clocks->count++] = event;
	return enabled ? 0 : enable(event, false); /* libbpf enables the event */
}

int cpu_clocks_open(struct cpu_clocks *clocks, struct bpf_program *program, uint32_t hz, bool enabled)
{
	int cpus = libbpf_num_possible_cpus(), error = 0;

	clocks->links = calloc(cpus, sizeof(*clocks->links));
	clocks->events = calloc(cpus, sizeof(*clocks->events));
	if (!clocks->links || !clocks->events)
		error = -ENOMEM;
	for (int cpu = 0; cpu < cpus && !error; cpu++)
		error = attach_cpu_clock(clocks, program, cpu, hz, enabled);
	if (error)
		cpu_clocks_close(clocks);
	return error;
}

int cpu_clocks_enable(const struct cpu_clocks *clocks, bool enabled)
{
	int error = 0;

	for (size_t i = 0; i < clocks->count && !error; i++)
		error = enable(clocks->events[i], enabled);
	return error;
}

void cpu_clocks_close(struct cpu_clocks *clocks)
{
	for (size_t i = 0; i < clocks->count; i++)
		bpf_link__destroy(clocks->links[i]);
	free(clocks->links);
	free(clocks->events);
	*clocks = (struct cpu_clocks){};
}

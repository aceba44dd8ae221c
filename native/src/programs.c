// SPDX-License-Identifier: Apache-2.0
#include "programs.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "messages.h"

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
		(struct program_status){ .program = program, .wanted = !program->instead_of };
}

/* The program that does the work of another where the kernel does not take that one, or NULL. */
static struct program_status *stand_in_of(struct programs *programs, const struct program_status *status)
{
	for (size_t i = 0; i < programs->count; i++) {
		const char *preferred = programs->status[i].program->instead_of;

		if (preferred && !strcmp(preferred, status->program->name))
			return &programs->status[i];
	}
	return NULL;
}

static bool is_left_out(const struct program_status *status)
{
	return status->detail[0];
}

void programs_leave_out(struct programs *programs, struct program_status *status, const char *format, ...)
{
	struct program_status *stand_in = stand_in_of(programs, status);
	char why[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	snprintf(status->detail, sizeof(status->detail), "%s: %s", why, status->program->absent);
	status->wanted = false;
	if (stand_in && !is_left_out(stand_in))
		stand_in->wanted = true;
}

/* The verifier gives up (EAGAIN) when a signal is pending, which looks like a program that the kernel refuses. */
static int load_undisturbed(struct bpf_object_skeleton *skeleton)
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
	return error ?: load_undisturbed(skeleton);
}

/* What another program does is not missing. Where none can do it, the one that is preferred tells the loss. */
static bool is_told(struct programs *programs, const struct program_status *status)
{
	const struct program_status *stand_in = stand_in_of(programs, status);

	return status->wanted || !(status->program->instead_of || (stand_in && stand_in->wanted));
}

static void forget_replaced(struct programs *programs)
{
	struct programs told = {};

	for (size_t i = 0; i < programs->count; i++)
		if (is_told(programs, &programs->status[i]))
			told.status[told.count++] = programs->status[i];
	*programs = told;
}

/* libbpf loads all or nothing: leave out the program it names and try again. */
bool programs_load(struct programs *programs, const struct object *object, void *owner, struct failure *failure)
{
	for (;;) {
		size_t before = messages_count();
		int error = load_once(programs, object, owner);
		struct program_status *refused;
		const char *name;

		if (!error) {
			forget_replaced(programs);
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
		programs_leave_out(programs, refused, "refused by the kernel: %s", strerror(-error));
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

void programs_attach(struct programs *programs, const struct bpf_object_skeleton *skeleton, void *owner)
{
	for (size_t i = 0; i < programs->count; i++) {
		struct program_status *status = &programs->status[i];
		int error = status->wanted ? attach(status->program, skeleton, owner) : 0;

		status->attached = status->wanted && !error;
		if (error)
			programs_leave_out(programs, status, "cannot attach: %s", strerror(-error));
	}
}

// SPDX-License-Identifier: Apache-2.0
/* From options to attached programs. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "environment.h"
#include "events.h"
#include "kernscale.skel.h"
#include "maps.h"
#include "messages.h"
#include "programs.h"
#include "session.h"

void fail(struct failure *failure, const char *code, const char *format, ...)
{
	va_list arguments;

	failure->code = code;
	va_start(arguments, format);
	vsnprintf(failure->message, sizeof(failure->message), format, arguments);
	va_end(arguments);
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

static struct program_status *find_status(struct session *session, const char *name)
{
	for (size_t i = 0; i < session->nr_programs; i++)
		if (!strcmp(session->programs[i].name, name))
			return &session->programs[i];
	return NULL;
}

bool session_program_attached(const struct session *session, const char *name)
{
	for (size_t i = 0; i < session->nr_programs; i++)
		if (!strcmp(session->programs[i].name, name))
			return session->programs[i].attached;
	return false;
}

static bool has_tracepoint(const struct btf *kernel, const char *tracepoint)
{
	char name[128];

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	return btf__find_by_name_kind(kernel, name, BTF_KIND_TYPEDEF) > 0;
}

static bool is_wanted(const struct options *options, const struct program *program)
{
	if (program->events)
		return options->cgroup_events;
	return program->always || options->probes[program->probe];
}

/* Decides by the kernel's own type information, never by its version. */
static void plan(struct session *session, const struct btf *kernel)
{
	for (size_t i = 0; i < nr_programs; i++) {
		const struct program *program = &programs[i];
		struct program_status *status = &session->programs[session->nr_programs];

		if (!is_wanted(&session->options, program))
			continue;
		if (program->instead_of && has_tracepoint(kernel, program->instead_of))
			continue;
		status->name = program->name;
		status->probe = program->probe;
		status->absent = program->absent;
		status->wanted = true;
		session->nr_programs++;
		if (program->tracepoint && !has_tracepoint(kernel, program->tracepoint)) {
			status->wanted = false;
			tell_absence(status, "this kernel has no tracepoint %s", program->tracepoint);
		}
	}
}

static int configure(struct session *session)
{
	struct kernscale *skeleton = session->skeleton;
	struct bpf_program *program;
	int error = maps_set_bounds(skeleton, session->options.max_containers, session->shards);

	skeleton->rodata->shards = session->shards;
	skeleton->rodata->shards_shared = (uint32_t)libbpf_num_possible_cpus() > session->shards;
	skeleton->rodata->ephemeral_low = ephemeral_port_low();
	skeleton->rodata->owner_is_blkcg = session->owner_is_blkcg;

	bpf_object__for_each_program(program, skeleton->obj) {
		const struct program_status *status = find_status(session, bpf_program__name(program));

		error |= bpf_program__set_autoload(program, status && status->wanted);
	}
	return error;
}

static int load_once(struct session *session)
{
	int error;

	session->skeleton = kernscale__open();
	if (!session->skeleton)
		return -errno;
	error = configure(session) ?: kernscale__load(session->skeleton);
	if (error) {
		kernscale__destroy(session->skeleton);
		session->skeleton = NULL;
	}
	return error;
}

/* libbpf loads all or nothing: leave out the program it names and try again. */
static bool load(struct session *session, struct failure *failure)
{
	for (size_t attempt = 0; attempt <= session->nr_programs; attempt++) {
		size_t before = messages_count();
		int error = load_once(session);
		const char *name;
		struct program_status *status;

		if (!error)
			return true;
		name = messages_failed_program(before);
		status = name ? find_status(session, name) : NULL;
		if (!status || !status->wanted) {
			fail(failure, "LOAD_FAILED", "the BPF programs cannot be loaded (%s): %s", strerror(-error),
			     messages_last_warning());
			return false;
		}
		status->wanted = false;
		tell_absence(status, "refused by the kernel: %s", strerror(-error));
	}
	fail(failure, "LOAD_FAILED", "the kernel refuses every BPF program: %s", messages_last_warning());
	return false;
}

static bool map_memory(struct session *session, struct failure *failure)
{
	size_t rows = (size_t)session->nr_slots * session->shards;
	int protection = PROT_READ | PROT_WRITE;

	session->rows = mmap(NULL, rows * sizeof(struct row), protection, MAP_SHARED,
			     bpf_map__fd(session->skeleton->maps.rows), 0);
	session->settled = mmap(NULL, session->nr_slots * sizeof(struct settled), protection, MAP_SHARED,
				bpf_map__fd(session->skeleton->maps.settled), 0);
	session->tracked = calloc(session->nr_slots, sizeof(*session->tracked));
	session->seen = calloc(rows, sizeof(*session->seen));
	session->totals = calloc(session->nr_slots, sizeof(*session->totals));
	if (session->rows != MAP_FAILED && session->settled != MAP_FAILED && session->tracked && session->seen &&
	    session->totals)
		return true;
	fail(failure, "NO_MEMORY", "no memory for %u containers", session->options.max_containers);
	return false;
}

struct session *session_open(const struct options *options, struct failure *failure)
{
	struct session *session;
	struct btf *kernel;

	if (!environment_suffices(failure))
		return NULL;
	kernel = btf__load_vmlinux_btf();
	session = calloc(1, sizeof(*session));
	if (!kernel || !session) {
		fail(failure, "NO_BTF", "the kernel's type information cannot be read: %s", strerror(errno));
		btf__free(kernel);
		free(session);
		return NULL;
	}
	session->options = *options;
	session->nr_slots = options->max_containers + 1;
	session->shards = options->shards ?: maps_default_shards(libbpf_num_possible_cpus());
	session->owner_is_blkcg = io_controller_enabled(options->cgroup_root);
	plan(session, kernel);
	btf__free(kernel);
	if (load(session, failure) && map_memory(session, failure) && events_open(session, failure) &&
	    session_attach(session, failure))
		return session;
	session_close(session);
	return NULL;
}

static void unmap(void *memory, size_t size)
{
	if (memory && memory != MAP_FAILED)
		munmap(memory, size);
}

void session_close(struct session *session)
{
	for (size_t i = 0; i < session->nr_sample_links; i++)
		bpf_link__destroy(session->sample_links[i]);
	free(session->sample_links);
	events_close(session);
	unmap(session->rows, (size_t)session->nr_slots * session->shards * sizeof(struct row));
	unmap(session->settled, session->nr_slots * sizeof(struct settled));
	if (session->skeleton)
		kernscale__destroy(session->skeleton);
	free(session->tracked);
	free(session->seen);
	free(session->totals);
	free(session->entries.keys);
	free(session->entries.values);
	free(session->entries.written);
	free(session);
}

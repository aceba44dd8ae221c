// SPDX-License-Identifier: Apache-2.0
/* From options to attached programs. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <malloc.h>
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

static bool has_tracepoint(const struct btf *kernel, const char *tracepoint)
{
	char name[128];

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	return btf__find_by_name_kind(kernel, name, BTF_KIND_TYPEDEF) > 0;
}

static bool has_member(const struct btf *kernel, const char *type, const char *name)
{
	int id = btf__find_by_name_kind(kernel, type, BTF_KIND_STRUCT);
	const struct btf_type *found = id > 0 ? btf__type_by_id(kernel, id) : NULL;

	for (int i = 0; found && i < btf_vlen(found); i++)
		if (!strcmp(btf__name_by_offset(kernel, btf_members(found)[i].name_off), name))
			return true;
	return false;
}

/* The first member that the program does without on this kernel. */
static const struct member *missing_member(const struct btf *kernel, const char *program)
{
	for (size_t i = 0; i < nr_members; i++) {
		const struct member *member = &members[i];

		if (!strcmp(member->program, program) && !has_member(kernel, member->type, member->name) &&
		    !has_member(kernel, member->other_type, member->other_name))
			return member;
	}
	return NULL;
}

static bool can_attach(const struct btf *kernel, const struct program *program)
{
	return !program->tracepoint || has_tracepoint(kernel, program->tracepoint);
}

/* Whether another program does the same work on this kernel. Where none can, the one that is preferred tells the loss. */
static bool is_replaced(const struct btf *kernel, const struct program *program)
{
	if (program->instead_of)
		return has_tracepoint(kernel, program->instead_of) || !can_attach(kernel, program);
	if (can_attach(kernel, program))
		return false;
	for (size_t i = 0; i < nr_programs; i++)
		if (programs[i].instead_of && !strcmp(programs[i].instead_of, program->tracepoint) &&
		    can_attach(kernel, &programs[i]))
			return true;
	return false;
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

		if (!is_wanted(&session->options, program) || is_replaced(kernel, program))
			continue;
		status->name = program->name;
		status->probe = program->probe;
		status->absent = program->absent;
		status->member = missing_member(kernel, program->name);
		status->wanted = can_attach(kernel, program);
		session->nr_programs++;
		if (!status->wanted)
			tell_absence(status, "this kernel has no tracepoint %s", program->tracepoint);
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
		const struct program_status *status = program_status(session, bpf_program__name(program));

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
	error = configure(session) ?: load_undisturbed(session->skeleton->skeleton);
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
		status = name ? program_status(session, name) : NULL;
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

/* Memory that is shared with the kernel, and NULL without. */
static void *share(const struct bpf_map *map, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static bool open_pools(struct session *session)
{
	/* struct blockio_entry, struct peer_entry */
	static const struct shape blockio = { MAX_DEVICE_NAME, 3, { NR_TIME_BUCKETS, NR_SIZE_BUCKETS } };
	static const struct shape peers = { 0, 6, { NR_TIME_BUCKETS } };
	struct kernscale *skeleton = session->skeleton;

	return pool_open(&session->blockio, &blockio, skeleton->maps.blockio, skeleton->maps.blockio_index,
			 skeleton->maps.blockio_freed, &skeleton->bss->blockio_fresh) &&
	       pool_open(&session->peers, &peers, skeleton->maps.peers, skeleton->maps.peers_index,
			 skeleton->maps.peers_freed, &skeleton->bss->peers_fresh);
}

static bool map_memory(struct session *session, struct failure *failure)
{
	struct kernscale *skeleton = session->skeleton;
	size_t slots = session->nr_slots;

	session->rows = share(skeleton->maps.rows, slots * session->shards * sizeof(struct row));
	session->settled = share(skeleton->maps.settled, slots * sizeof(struct settled));
	session->peer_counts = share(skeleton->maps.peer_counts, slots * sizeof(uint64_t));
	session->tracked = calloc(slots, sizeof(*session->tracked));
	session->totals = calloc(slots, sizeof(*session->totals));
	session->peers_in_use = calloc(slots * PEERS_PER_CONTAINER, sizeof(*session->peers_in_use));
	if (session->rows && session->settled && session->peer_counts && session->tracked && session->totals &&
	    session->peers_in_use && open_pools(session))
		return true;
	fail(failure, "NO_MEMORY", "no memory for %u containers", session->options.max_containers);
	return false;
}

/* What loading took, the kernel's type information above all, goes back to the system. */
static void trim_memory(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
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
	    session_attach(session, failure)) {
		trim_memory();
		return session;
	}
	session_close(session);
	return NULL;
}

static void unshare_memory(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}

void session_close(struct session *session)
{
	size_t slots = session->nr_slots;

	for (size_t i = 0; i < session->nr_sample_links; i++)
		bpf_link__destroy(session->sample_links[i]);
	free(session->sample_links);
	events_close(session);
	unshare_memory(session->rows, slots * session->shards * sizeof(struct row));
	unshare_memory(session->settled, slots * sizeof(struct settled));
	unshare_memory(session->peer_counts, slots * sizeof(uint64_t));
	pool_close(&session->blockio);
	pool_close(&session->peers);
	if (session->skeleton)
		kernscale__destroy(session->skeleton);
	free(session->tracked);
	free(session->totals);
	free(session->peers_in_use);
	free(session);
}

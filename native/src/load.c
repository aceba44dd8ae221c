// SPDX-License-Identifier: Apache-2.0
/* Opens and closes a session: plans, loads and attaches the programs for its options, and maps their memory. */
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

/* Returns the first member that this kernel lacks, with its equivalent, or NULL. */
static const struct member *missing_member(const struct btf *kernel, const char *program)
{
	for (size_t i = 0; i < nr_probe_members; i++) {
		const struct member *member = &probe_members[i];

		if (!strcmp(member->program, program) && !has_member(kernel, member->type, member->name) &&
		    !has_member(kernel, member->other_type, member->other_name))
			return member;
	}
	return NULL;
}

static bool is_wanted(const struct options *options, const struct program *program)
{
	if (program->events)
		return options->cgroup_events;
	return program->always || options->probes[program->probe];
}

/* Chooses programs by the kernel's type information, never by its version. */
static void plan(struct session *session, const struct btf *kernel)
{
	struct programs *programs = &session->programs;

	for (size_t i = 0; i < nr_probe_programs; i++)
		if (is_wanted(&session->options, &probe_programs[i]))
			programs_add(programs, &probe_programs[i]);
	for (size_t i = 0; i < programs->count; i++) {
		struct program_status *status = &programs->status[i];
		const char *tracepoint = status->program->tracepoint;

		status->missing = missing_member(kernel, status->program->name);
		if (tracepoint && !has_tracepoint(kernel, tracepoint))
			programs_omit(programs, status, "this kernel has no tracepoint %s", tracepoint);
	}
}

static int configure(struct session *session)
{
	struct kernscale *skeleton = session->skeleton;

	skeleton->rodata->shards = session->shards;
	skeleton->rodata->shards_shared = (uint32_t)libbpf_num_possible_cpus() > session->shards;
	skeleton->rodata->ephemeral_low = ephemeral_port_low();
	skeleton->bss->peers_end = session->nr_slots; /* after the entries reserved for `other` */
	skeleton->rodata->owner_is_blkcg = session->owner_is_blkcg;
	return maps_set_bounds(skeleton, session->options.max_containers, session->shards);
}

static struct bpf_object_skeleton *open_object(void *owner)
{
	struct session *session = owner;

	session->skeleton = kernscale__open();
	if (!session->skeleton)
		return NULL;
	errno = -configure(session);
	return errno ? NULL : session->skeleton->skeleton;
}

static void close_object(void *owner)
{
	struct session *session = owner;

	kernscale__destroy(session->skeleton);
	session->skeleton = NULL;
}

static const struct object probes_object = { .open = open_object, .close = close_object };

/* Maps memory that is shared with the kernel. Returns NULL on error. */
static void *share(const struct bpf_map *map, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static bool open_pools(struct session *session)
{
	/* Histograms are in the order of the struct's members, as in ../layout.ts. */
	static const struct shape blockio = {
		.name = offsetof(struct blockio_entry, device),
		.name_size = MAX_DEVICE_NAME,
		.scalars = offsetof(struct blockio_entry, scalars),
		.nr_scalars = NR_BLOCKIO_SCALARS,
		.histograms = { { offsetof(struct blockio_entry, seconds), NR_TIME_BUCKETS },
				{ offsetof(struct blockio_entry, bytes), NR_SIZE_BUCKETS } },
	};
	const struct shape peers = {
		.nr_reserved = session->nr_slots,
		.scalars = offsetof(struct peer_entry, scalars),
		.nr_scalars = NR_PEER_SCALARS,
		.histograms = { { offsetof(struct peer_entry, wait), NR_TIME_BUCKETS },
				{ offsetof(struct peer_entry, long_wait), NR_TIME_BUCKETS } },
	};
	struct kernscale *skeleton = session->skeleton;

	return pool_open(&session->blockio, &blockio, skeleton->maps.blockio, skeleton->maps.blockio_index,
			 skeleton->maps.blockio_free, &skeleton->bss->blockio_end) &&
	       pool_open(&session->peers, &peers, skeleton->maps.peers, skeleton->maps.peers_index,
			 skeleton->maps.peers_free, &skeleton->bss->peers_end);
}

static bool map_memory(struct session *session, struct failure *failure)
{
	struct kernscale *skeleton = session->skeleton;
	size_t slots = session->nr_slots;

	session->counters = share(skeleton->maps.counters, slots * session->shards * sizeof(struct shard));
	session->flushed = share(skeleton->maps.flushed, slots * sizeof(struct flushed));
	session->starvation = share(skeleton->maps.starvation, slots * session->shards * sizeof(struct starvation));
	session->peer_counts = share(skeleton->maps.peer_counts, slots * sizeof(uint64_t));
	session->tracked = calloc(slots, sizeof(*session->tracked));
	session->totals = calloc(slots, sizeof(*session->totals));
	session->sorted_peers = calloc(slots * PEERS_PER_CONTAINER, sizeof(*session->sorted_peers));
	if (session->counters && session->flushed && session->starvation && session->peer_counts && session->tracked &&
	    session->totals && session->sorted_peers && open_pools(session))
		return true;
	fail(failure, "NO_MEMORY", "no memory for %u containers", session->options.max_containers);
	return false;
}

/*
 * Attaches all programs, then creates records of the threads that are older than them: changes of a thread in between
 * are seen. False if no program of a requested probe attaches.
 */
static bool attach_programs(struct session *session, struct failure *failure)
{
	struct programs *programs = &session->programs;
	bool any = false;

	programs_attach(programs, session->skeleton->skeleton, session);
	session->skeleton->bss->switches_seen = program_attached(programs, "sched_switch");
	session_adopt_listeners(session);
	session_flush(session);
	for (size_t i = 0; i < programs->count; i++)
		any |= programs->status[i].attached && session->options.probes[programs->status[i].program->probe];
	if (!any)
		fail(failure, "ATTACH_FAILED", "no BPF program attaches to this kernel: %s", messages_last_warning());
	return any;
}

/* Returns to the system what loading has allocated, above all for the kernel's type information. */
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
	if (programs_load(&session->programs, &probes_object, session, failure) && map_memory(session, failure) &&
	    session_open_events(session, failure) && attach_programs(session, failure)) {
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

	cpu_clocks_close(&session->samples);
	session_close_events(session);
	unshare_memory(session->counters, slots * session->shards * sizeof(struct shard));
	unshare_memory(session->flushed, slots * sizeof(struct flushed));
	unshare_memory(session->starvation, slots * session->shards * sizeof(struct starvation));
	unshare_memory(session->peer_counts, slots * sizeof(uint64_t));
	pool_close(&session->blockio);
	pool_close(&session->peers);
	close_object(session);
	free(session->tracked);
	free(session->totals);
	free(session->sorted_peers);
	free(session);
}

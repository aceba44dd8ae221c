// SPDX-License-Identifier: Apache-2.0
#include "profile.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clocks.h"
#include "environment.h"
#include "kernel_names.h"
#include "profile.skel.h"

struct sampler {
	struct profile *skeleton;
	struct programs programs;
	uint32_t hz;
	struct clocks clocks;
	struct ring_buffer *ring;
	struct bytes bytes;
};

/* Room for 127 kernel and 127 user frames from each CPU at 99 Hz over a third of a second. */
static uint32_t ring_bytes(void)
{
	const uint32_t per_cpu = 64 * 1024;
	uint32_t size = 2 * per_cpu;

	while (size < per_cpu * (uint32_t)libbpf_num_possible_cpus())
		size *= 2;
	return size;
}

static int keep(void *context, void *data, size_t size)
{
	struct bytes *bytes = context;
	const uint64_t length = size;
	char *room = bytes_room(bytes, sizeof(length) + size);

	if (!room)
		return -ENOMEM;
	memcpy(room, &length, sizeof(length));
	memcpy(room + sizeof(length), data, size);
	bytes->size += sizeof(length) + size;
	return 0;
}

static int attach_clocks(void *owner, struct bpf_program *program)
{
	struct sampler *sampler = owner;

	return clocks_open(&sampler->clocks, program, sampler->hz, false);
}

/* There is nothing to attach: it can be run, or it is of no use. */
static int try_naming(void *owner, struct bpf_program *program)
{
	struct sampler *sampler = owner;
	const uint64_t any = 0;

	(void)program;
	sampler->bytes.size = 0;
	return names_by_call(sampler->skeleton, &any, 1, &sampler->bytes);
}

static int attach_names(void *owner, struct bpf_program *program)
{
	struct profile *skeleton = ((struct sampler *)owner)->skeleton;
	union bpf_iter_link_info info = { .map.map_fd = bpf_map__fd(skeleton->maps.addresses) };
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));

	skeleton->links.list_names = bpf_program__attach_iter(program, &options);
	return skeleton->links.list_names ? 0 : -errno;
}

static const struct program profile_programs[] = {
	{ .name = "sample_stack", .probe = PROBE_PROFILE, .attach = attach_clocks, .absent = "no profiles" },
	{ .name = "list_mappings",
	  .probe = PROBE_PROFILE,
	  .absent = "profiles do not tell the functions of programs, nor the files they are in" },
	{ .name = "name_address",
	  .probe = PROBE_PROFILE,
	  .attach = try_naming,
	  .absent = "profiles do not tell the functions of the kernel" },
	{ .name = "list_names",
	  .probe = PROBE_PROFILE,
	  .instead_of = "name_address",
	  .attach = attach_names,
	  .absent = "profiles do not tell the functions of the kernel" },
};

static struct bpf_object_skeleton *open_object(void *owner)
{
	struct sampler *sampler = owner;
	struct profile *skeleton = sampler->skeleton = profile__open();

	if (!skeleton)
		return NULL;
	skeleton->rodata->page_size = sysconf(_SC_PAGESIZE);
	errno = bpf_map__set_max_entries(skeleton->maps.samples, ring_bytes()) ? EINVAL : 0;
	return errno ? NULL : skeleton->skeleton;
}

static void close_object(void *owner)
{
	struct sampler *sampler = owner;

	profile__destroy(sampler->skeleton);
	sampler->skeleton = NULL;
}

static const struct object profile_object = { .open = open_object, .close = close_object };

static bool open_ring(struct sampler *sampler, struct failure *failure)
{
	sampler->ring = ring_buffer__new(bpf_map__fd(sampler->skeleton->maps.samples), keep, &sampler->bytes, NULL);
	if (!sampler->ring)
		fail(failure, "NO_MEMORY", "no memory for samples of stacks: %s", strerror(errno));
	return sampler->ring;
}

struct sampler *sampler_open(uint32_t hz, struct failure *failure)
{
	struct sampler *sampler;

	if (!environment_suffices(failure))
		return NULL;
	sampler = calloc(1, sizeof(*sampler));
	if (!sampler) {
		fail(failure, "NO_MEMORY", "no memory for profiles");
		return NULL;
	}
	sampler->hz = hz;
	for (size_t i = 0; i < sizeof(profile_programs) / sizeof(profile_programs[0]); i++)
		programs_add(&sampler->programs, &profile_programs[i]);
	if (!programs_load(&sampler->programs, &profile_object, sampler, failure) || !open_ring(sampler, failure)) {
		sampler_close(sampler);
		return NULL;
	}
	programs_attach(&sampler->programs, sampler->skeleton->skeleton, sampler);
	return sampler;
}

void sampler_close(struct sampler *sampler)
{
	clocks_close(&sampler->clocks);
	ring_buffer__free(sampler->ring);
	close_object(sampler);
	free(sampler->bytes.data);
	free(sampler);
}

const struct programs *sampler_programs(const struct sampler *sampler)
{
	return &sampler->programs;
}

int sampler_select(struct sampler *sampler, const uint64_t *cgroups, uint32_t count)
{
	int map = bpf_map__fd(sampler->skeleton->maps.profiled);
	const uint32_t present = 1;
	uint64_t key;

	while (!bpf_map_get_next_key(map, NULL, &key))
		bpf_map_delete_elem(map, &key);
	for (uint32_t i = 0; i < count; i++)
		if (bpf_map_update_elem(map, &cgroups[i], &present, BPF_ANY))
			return -errno;
	return 0;
}

int sampler_run(struct sampler *sampler, bool on)
{
	return clocks_run(&sampler->clocks, on);
}

const struct bytes *sampler_take(struct sampler *sampler, int *error)
{
	sampler->bytes.size = 0;
	*error = ring_buffer__consume(sampler->ring);
	return *error < 0 ? NULL : &sampler->bytes;
}

int sampler_mappings(struct sampler *sampler)
{
	int iterator;

	if (!program_attached(&sampler->programs, "list_mappings"))
		return -EOPNOTSUPP;
	iterator = bpf_iter_create(bpf_link__fd(sampler->skeleton->links.list_mappings));
	return iterator < 0 ? -errno : iterator;
}

const struct bytes *sampler_names(struct sampler *sampler, const uint64_t *addresses, uint32_t count, int *error)
{
	sampler->bytes.size = 0;
	*error = 0;
	if (count > MAX_ADDRESSES)
		*error = -E2BIG;
	else if (program_attached(&sampler->programs, "name_address"))
		*error = names_by_call(sampler->skeleton, addresses, count, &sampler->bytes);
	else if (program_attached(&sampler->programs, "list_names"))
		*error = names_by_iterator(sampler->skeleton, addresses, count, &sampler->bytes);
	return *error ? NULL : &sampler->bytes;
}

void sampler_counts(const struct sampler *sampler, uint64_t *runs, uint64_t *lost)
{
	*runs = sampler->skeleton->bss->runs;
	*lost = sampler->skeleton->bss->lost;
}

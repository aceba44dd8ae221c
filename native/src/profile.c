// SPDX-License-Identifier: Apache-2.0
#include "profile.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "environment.h"
#include "profile.skel.h"

struct sampler {
	struct profile *skeleton;
	struct programs programs;
	uint32_t hz;
	struct cpu_clocks clocks;
	struct ring_buffer *ring;
	FILE *stream; /* writes to `output` */
	struct output output;
};

/* Discards the last output; its memory is reused. */
static void begin_output(struct sampler *sampler)
{
	rewind(sampler->stream);
	sampler->output.size = 0; /* musl keeps it until something is written */
}

/* Returns what was written since begin_output, or NULL and `*error`. */
static const struct output *end_output(struct sampler *sampler, int *error)
{
	if (!*error && fflush(sampler->stream))
		*error = -errno;
	return *error ? NULL : &sampler->output;
}

/* Fits 127 kernel and 127 user frames per CPU at 99 Hz for a third of a second. */
static uint32_t ring_bytes(void)
{
	const uint32_t per_cpu = 64 * 1024;
	uint32_t size = 2 * per_cpu;

	while (size < per_cpu * (uint32_t)libbpf_num_possible_cpus())
		size *= 2;
	return size;
}

static int store_sample(void *stream, void *data, size_t size)
{
	const uint64_t length = size;

	return fwrite(&length, sizeof(length), 1, stream) && fwrite(data, size, 1, stream) ? 0 : -ENOMEM;
}

/* Writes names by the program name_address, which is run once per address. Returns 0 or -errno. */
static int run_name_address(struct sampler *sampler, const uint64_t *addresses, uint32_t count)
{
	struct profile *skeleton = sampler->skeleton;

	for (uint32_t i = 0; i < count; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, options);

		skeleton->bss->address = addresses[i];
		if (bpf_prog_test_run_opts(bpf_program__fd(skeleton->progs.name_address), &options))
			return -errno;
		if ((int)options.retval < 0)
			return options.retval;
		if (fprintf(sampler->stream, "%.*s\n", MAX_KERNEL_NAME - 1, skeleton->bss->name) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int set_addresses(const struct sampler *sampler, const uint64_t *addresses, uint32_t count)
{
	const int map = bpf_map__fd(sampler->skeleton->maps.addresses);
	const uint64_t none = 0;

	for (uint32_t i = 0; i < MAX_ADDRESSES; i++)
		if (bpf_map_update_elem(map, &i, i < count ? &addresses[i] : &none, BPF_ANY))
			return -errno;
	return 0;
}

static int copy_all(int from, FILE *to)
{
	char chunk[32 * 1024];

	for (;;) {
		ssize_t got = read(from, chunk, sizeof(chunk));

		if (!got)
			return 0;
		if (got > 0 && !fwrite(chunk, got, 1, to))
			return -ENOMEM;
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
	}
}

/* Writes names by the iterator list_names. Returns 0 or -errno. */
static int read_list_names(struct sampler *sampler, const uint64_t *addresses, uint32_t count)
{
	int error = set_addresses(sampler, addresses, count);
	int iterator = error ? -1 : bpf_iter_create(bpf_link__fd(sampler->skeleton->links.list_names));

	if (iterator < 0)
		return error ?: -errno;
	error = copy_all(iterator, sampler->stream);
	close(iterator);
	return error;
}

static int attach_clocks(void *owner, struct bpf_program *program)
{
	struct sampler *sampler = owner;

	return cpu_clocks_open(&sampler->clocks, program, sampler->hz, false);
}

/* A syscall program is not attached; a run shows that it can be used. */
static int try_name_address(void *owner, struct bpf_program *program)
{
	const uint64_t any = 0;

	(void)program;
	begin_output(owner);
	return run_name_address(owner, &any, 1);
}

static int attach_list_names(void *owner, struct bpf_program *program)
{
	struct profile *skeleton = ((struct sampler *)owner)->skeleton;
	union bpf_iter_link_info info = { .map.map_fd = bpf_map__fd(skeleton->maps.addresses) };
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));

	skeleton->links.list_names = bpf_program__attach_iter(program, &options);
	return skeleton->links.list_names ? 0 : -errno;
}

static const struct program profile_programs[] = {
	{ .name = "sample_stack", .probe = PROBE_PROFILE, .attach = attach_clocks, .loss = "profiles are unavailable" },
	{ .name = "list_mappings",
	  .probe = PROBE_PROFILE,
	  .loss = "profiles lack the names of user-space functions and their files" },
	{ .name = "name_address",
	  .probe = PROBE_PROFILE,
	  .attach = try_name_address,
	  .loss = "profiles lack the names of kernel functions" },
	{ .name = "list_names",
	  .probe = PROBE_PROFILE,
	  .fallback_for = "name_address",
	  .attach = attach_list_names,
	  .loss = "profiles lack the names of kernel functions" },
};

static struct bpf_object_skeleton *open_object(void *owner)
{
	struct sampler *sampler = owner;
	struct profile *skeleton = sampler->skeleton = profile__open();

	if (!skeleton)
		return NULL;
	skeleton->rodata->page_size = sysconf(_SC_PAGESIZE);
	errno = -bpf_map__set_max_entries(skeleton->maps.samples, ring_bytes());
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
	sampler->ring =
		ring_buffer__new(bpf_map__fd(sampler->skeleton->maps.samples), store_sample, sampler->stream, NULL);
	if (!sampler->ring)
		fail(failure, "NO_MEMORY", "no memory for stack samples: %s", strerror(errno));
	return sampler->ring;
}

struct sampler *sampler_open(uint32_t hz, struct failure *failure)
{
	struct sampler *sampler;

	if (!environment_suffices(failure))
		return NULL;
	sampler = calloc(1, sizeof(*sampler));
	if (sampler)
		sampler->stream = open_memstream(&sampler->output.data, &sampler->output.size);
	if (!sampler || !sampler->stream) {
		fail(failure, "NO_MEMORY", "no memory for profiles");
		free(sampler);
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
	cpu_clocks_close(&sampler->clocks);
	ring_buffer__free(sampler->ring);
	close_object(sampler);
	fclose(sampler->stream);
	free(sampler->output.data);
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

int sampler_enable(struct sampler *sampler, bool enabled)
{
	return cpu_clocks_enable(&sampler->clocks, enabled);
}

const struct output *sampler_take(struct sampler *sampler, int *error)
{
	int consumed;

	begin_output(sampler);
	consumed = ring_buffer__consume(sampler->ring);
	*error = consumed < 0 ? consumed : 0;
	return end_output(sampler, error);
}

int sampler_mappings(struct sampler *sampler)
{
	int iterator;

	if (!program_attached(&sampler->programs, "list_mappings"))
		return -EOPNOTSUPP;
	iterator = bpf_iter_create(bpf_link__fd(sampler->skeleton->links.list_mappings));
	return iterator < 0 ? -errno : iterator;
}

const struct output *sampler_names(struct sampler *sampler, const uint64_t *addresses, uint32_t count, int *error)
{
	begin_output(sampler);
	*error = 0;
	if (count > MAX_ADDRESSES)
		*error = -E2BIG;
	else if (program_attached(&sampler->programs, "name_address"))
		*error = run_name_address(sampler, addresses, count);
	else if (program_attached(&sampler->programs, "list_names"))
		*error = read_list_names(sampler, addresses, count);
	return end_output(sampler, error);
}

void sampler_counts(const struct sampler *sampler, uint64_t *runs, uint64_t *lost)
{
	*runs = sampler->skeleton->bss->runs;
	*lost = sampler->skeleton->bss->lost;
}

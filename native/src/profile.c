// SPDX-License-Identifier: Apache-2.0
#include "profile.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "environment.h"
#include "messages.h"
#include "profile.skel.h"

struct sampler {
	struct profile *skeleton;
	struct bpf_link **clocks; /* one per CPU */
	int *events;		  /* their perf events, owned by the links */
	size_t nr_clocks;
	struct ring_buffer *ring;
	uint64_t *addresses; /* shared with the kernel */
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

static bool grow(struct bytes *bytes, size_t more)
{
	size_t capacity = bytes->capacity ?: 64 * 1024;
	char *larger;

	while (capacity < bytes->size + more)
		capacity *= 2;
	if (capacity == bytes->capacity)
		return true;
	larger = realloc(bytes->data, capacity);
	if (!larger)
		return false;
	bytes->data = larger;
	bytes->capacity = capacity;
	return true;
}

static int keep(void *context, void *data, size_t size)
{
	struct bytes *bytes = context;
	const uint64_t length = size;

	if (!grow(bytes, sizeof(length) + size))
		return -ENOMEM;
	memcpy(bytes->data + bytes->size, &length, sizeof(length));
	memcpy(bytes->data + bytes->size + sizeof(length), data, size);
	bytes->size += sizeof(length) + size;
	return 0;
}

/* libbpf starts what it attaches, so it is stopped at once. */
static int add_clock(struct sampler *sampler, int cpu, uint32_t hz)
{
	int event = perf_event_on(cpu, hz);
	struct bpf_link *link;

	if (event < 0)
		return errno == ENODEV ? 0 : -errno; /* possible, but offline */
	link = bpf_program__attach_perf_event(sampler->skeleton->progs.sample_stack, event);
	if (!link) {
		int error = errno;

		close(event);
		return -error;
	}
	sampler->clocks[sampler->nr_clocks] = link;
	sampler->events[sampler->nr_clocks++] = event;
	return ioctl(event, PERF_EVENT_IOC_DISABLE, 0) ? -errno : 0;
}

static int add_clocks(struct sampler *sampler, uint32_t hz)
{
	int cpus = libbpf_num_possible_cpus(), error = 0;

	sampler->clocks = calloc(cpus, sizeof(*sampler->clocks));
	sampler->events = calloc(cpus, sizeof(*sampler->events));
	if (!sampler->clocks || !sampler->events)
		return -ENOMEM;
	for (int cpu = 0; cpu < cpus && !error; cpu++)
		error = add_clock(sampler, cpu, hz);
	return error;
}

static int add_iterators(struct sampler *sampler)
{
	struct profile *skeleton = sampler->skeleton;
	union bpf_iter_link_info info = { .map.map_fd = bpf_map__fd(skeleton->maps.addresses) };
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));

	skeleton->links.list_mappings = bpf_program__attach_iter(skeleton->progs.list_mappings, NULL);
	if (!skeleton->links.list_mappings)
		return -errno;
	skeleton->links.name_addresses = bpf_program__attach_iter(skeleton->progs.name_addresses, &options);
	return skeleton->links.name_addresses ? 0 : -errno;
}

static int load(struct sampler *sampler)
{
	struct profile *skeleton = sampler->skeleton = profile__open();
	int error;

	if (!skeleton)
		return -errno;
	skeleton->rodata->page_size = sysconf(_SC_PAGESIZE);
	error = bpf_map__set_max_entries(skeleton->maps.samples, ring_bytes()) ?: load_undisturbed(skeleton->skeleton);
	if (error)
		return error;
	sampler->addresses = mmap(NULL, MAX_ADDRESSES * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
				  bpf_map__fd(skeleton->maps.addresses), 0);
	sampler->ring = ring_buffer__new(bpf_map__fd(skeleton->maps.samples), keep, &sampler->bytes, NULL);
	return sampler->addresses == MAP_FAILED || !sampler->ring ? -ENOMEM : 0;
}

struct sampler *sampler_open(uint32_t hz, struct failure *failure)
{
	struct sampler *sampler;
	int error;

	if (!environment_suffices(failure))
		return NULL;
	sampler = calloc(1, sizeof(*sampler));
	if (!sampler) {
		fail(failure, "NO_MEMORY", "no memory for profiles");
		return NULL;
	}
	error = load(sampler) ?: add_iterators(sampler) ?: add_clocks(sampler, hz);
	if (!error)
		return sampler;
	fail(failure, "LOAD_FAILED", "this kernel takes no profiles (%s): %s", strerror(-error), messages_last_warning());
	sampler_close(sampler);
	return NULL;
}

void sampler_close(struct sampler *sampler)
{
	for (size_t i = 0; i < sampler->nr_clocks; i++)
		bpf_link__destroy(sampler->clocks[i]);
	free(sampler->clocks);
	free(sampler->events);
	ring_buffer__free(sampler->ring);
	if (sampler->addresses && sampler->addresses != MAP_FAILED)
		munmap(sampler->addresses, MAX_ADDRESSES * sizeof(uint64_t));
	if (sampler->skeleton)
		profile__destroy(sampler->skeleton);
	free(sampler->bytes.data);
	free(sampler);
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
	for (size_t i = 0; i < sampler->nr_clocks; i++)
		if (ioctl(sampler->events[i], on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0))
			return -errno;
	return 0;
}

const struct bytes *sampler_take(struct sampler *sampler, int *error)
{
	sampler->bytes.size = 0;
	*error = ring_buffer__consume(sampler->ring);
	return *error < 0 ? NULL : &sampler->bytes;
}

int sampler_mappings(struct sampler *sampler)
{
	int iterator = bpf_iter_create(bpf_link__fd(sampler->skeleton->links.list_mappings));

	return iterator < 0 ? -errno : iterator;
}

const struct bytes *sampler_names(struct sampler *sampler, const uint64_t *addresses, uint32_t count, int *error)
{
	enum { CHUNK = 32 * 1024 };
	struct bytes *bytes = &sampler->bytes;
	int iterator = bpf_iter_create(bpf_link__fd(sampler->skeleton->links.name_addresses));
	ssize_t got = iterator < 0 ? -1 : 1;

	memset(sampler->addresses, 0, MAX_ADDRESSES * sizeof(uint64_t));
	memcpy(sampler->addresses, addresses, (count < MAX_ADDRESSES ? count : MAX_ADDRESSES) * sizeof(uint64_t));
	*error = iterator < 0 ? -errno : 0;
	bytes->size = 0;
	while (got > 0 && !*error) {
		if (!grow(bytes, CHUNK)) {
			*error = -ENOMEM;
			break;
		}
		got = read(iterator, bytes->data + bytes->size, CHUNK);
		if (got > 0)
			bytes->size += got;
		else if (got < 0 && (errno == EAGAIN || errno == EINTR))
			got = 1;
		else if (got < 0)
			*error = -errno;
	}
	if (iterator >= 0)
		close(iterator);
	return *error ? NULL : bytes;
}

void sampler_counts(const struct sampler *sampler, uint64_t *runs, uint64_t *lost)
{
	*runs = sampler->skeleton->bss->runs;
	*lost = sampler->skeleton->bss->lost;
}

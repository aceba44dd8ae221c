// SPDX-License-Identifier: Apache-2.0
#include "clocks.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int perf_event_on(int cpu, uint32_t hz)
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

static int run(int event, bool on)
{
	return ioctl(event, on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0) ? -errno : 0;
}

static int add_clock(struct clocks *clocks, struct bpf_program *program, int cpu, uint32_t hz, bool on)
{
	int event = perf_event_on(cpu, hz);
	struct bpf_link *link;

	if (event < 0)
		return errno == ENODEV ? 0 : -errno; /* possible, but offline */
	link = bpf_program__attach_perf_event(program, event);
	if (!link) {
		int error = errno;

		close(event);
		return -error;
	}
	clocks->links[clocks->count] = link;
	clocks->events[clocks->count++] = event;
	return on ? 0 : run(event, false); /* libbpf starts what it attaches */
}

int clocks_open(struct clocks *clocks, struct bpf_program *program, uint32_t hz, bool on)
{
	int cpus = libbpf_num_possible_cpus(), error = 0;

	clocks->links = calloc(cpus, sizeof(*clocks->links));
	clocks->events = calloc(cpus, sizeof(*clocks->events));
	if (!clocks->links || !clocks->events)
		error = -ENOMEM;
	for (int cpu = 0; cpu < cpus && !error; cpu++)
		error = add_clock(clocks, program, cpu, hz, on);
	if (error)
		clocks_close(clocks);
	return error;
}

int clocks_run(const struct clocks *clocks, bool on)
{
	int error = 0;

	for (size_t i = 0; i < clocks->count && !error; i++)
		error = run(clocks->events[i], on);
	return error;
}

void clocks_close(struct clocks *clocks)
{
	for (size_t i = 0; i < clocks->count; i++)
		bpf_link__destroy(clocks->links[i]);
	free(clocks->links);
	free(clocks->events);
	*clocks = (struct clocks){};
}

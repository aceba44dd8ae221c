// SPDX-License-Identifier: Apache-2.0
/*
 * Starved time of a pod, from the unions of its waits per CPU. As in the kernel's pressure stall information
 * (collect_percpu_times in kernel/sched/psi.c), a CPU counts by the time in which the pod was busy there: a pod that waits
 * on one of two busy CPUs is starved half of the time.
 */
#include "session.h"

static uint64_t elapsed(uint64_t from, uint64_t until)
{
	return until > from ? until - from : 0;
}

static uint64_t at_most(uint64_t value, uint64_t limit)
{
	return value < limit ? value : limit;
}

/* Length of the union with the wait that is in flight. */
static uint64_t waited_until(const struct starvation *cpu, uint64_t now)
{
	uint64_t from = cpu->waiting_from;

	if (cpu->read_at != now || from >= now)
		return cpu->waited_ns;
	if (from > cpu->until)
		return cpu->waited_ns + now - from;
	from = from > cpu->gap ? from : cpu->gap;
	return cpu->waited_ns + elapsed(cpu->until, now) + elapsed(from, cpu->from);
}

static uint64_t ran_until(const struct starvation *cpu, uint64_t now)
{
	return cpu->ran_ns + (cpu->read_at == now ? elapsed(cpu->running_from, now) : 0);
}

/* Growth since the last read. An in-flight interval that was read may turn out shorter, by what the union forgot. */
static uint64_t take(uint64_t *last, uint64_t now)
{
	uint64_t grown = elapsed(*last, now);

	*last += grown;
	return grown;
}

void session_read_starvation(struct session *session, uint32_t slot)
{
	const struct starvation *cpus = &session->starvation[(size_t)slot * session->shards];
	struct starved *starved = &session->totals[slot].starved;
	uint64_t period = elapsed(session->last_read_at, session->read_at);
	double weighted = 0, weights = 0;

	for (uint32_t i = 0; i < session->shards; i++) {
		struct starvation cpu = cpus[i];
		uint64_t waited = at_most(take(&starved->waited_ns[i], waited_until(&cpu, session->read_at)), period);
		uint64_t ran = take(&starved->ran_ns[i], ran_until(&cpu, session->read_at));
		double busy = at_most(waited + ran, period);

		weighted += busy * waited;
		weights += busy;
	}
	if (weights > 0)
		starved->seconds += weighted / weights / 1e9;
}

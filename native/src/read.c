// SPDX-License-Identifier: Apache-2.0
/* From the maps to numbers. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernscale.skel.h"
#include "session.h"

static int iterate_threads(struct session *session)
{
	char ignored[64];
	int iterator = bpf_iter_create(bpf_link__fd(session->skeleton->links.settle));
	ssize_t got;

	if (iterator < 0)
		return -errno;
	do
		got = read(iterator, ignored, sizeof(ignored));
	while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
	close(iterator);
	return got < 0 ? -errno : 0;
}

int session_settle(struct session *session)
{
	int error = 0;

	if (session_program_attached(session, "settle")) {
		session->skeleton->bss->settle_clock = 0;
		/* The iterator takes this CPU's run-queue clock for now; passing through the scheduler refreshes it. */
		sched_yield();
		error = iterate_threads(session);
	}
	/* Every thread has been seen with the present slots: nobody holds a retired one any more. */
	for (uint32_t slot = 1; !error && slot < session->nr_slots; slot++)
		if (session->tracked && session->tracked[slot].use == SLOT_RETIRED)
			session->tracked[slot].use = SLOT_FREE;
	return error;
}

/* A counter that wrapped since it was last read differs from it, modulo 2^32, by just what was added. */
static void accumulate(struct bucket_totals *totals, struct bucket_history *history, const struct row *row)
{
	for (int series = 0; series <= NR_STATES; series++) {
		const unsigned int *now = series < NR_STATES ? row->states[series].buckets : row->tcp_serve.buckets;

		for (int i = 0; i < NR_TIME_BUCKETS; i++) {
			unsigned int value = __atomic_load_n(&now[i], __ATOMIC_RELAXED);

			totals->buckets[series][i] += value - history->buckets[series][i];
			history->buckets[series][i] = value;
		}
	}
}

void session_read_slot(struct session *session, uint32_t slot, double *values)
{
	const double second = 1e-9;
	struct bucket_totals *totals = &session->totals[slot];
	uint64_t total_ns[NR_STATES + 1] = {}, sum_ns[NR_STATES + 1] = {}, counts[3] = {};

	memcpy(total_ns, session->settled[slot].total_ns, sizeof(session->settled[slot].total_ns));
	for (uint32_t shard = 0; shard < session->shards; shard++) {
		size_t index = (size_t)slot * session->shards + shard;
		const struct row *row = &session->rows[index];

		accumulate(totals, &session->histories[index], row);
		for (int state = 0; state < NR_STATES; state++) {
			total_ns[state] += row->states[state].total_ns;
			sum_ns[state] += row->states[state].sum_ns;
		}
		sum_ns[NR_STATES] += row->tcp_serve.sum_ns;
		counts[0] += row->samples_user;
		counts[1] += row->samples_kernel;
		counts[2] += row->tcp_serve_overlapped;
	}
	for (int series = 0; series <= NR_STATES; series++) {
		*values++ = total_ns[series] * second;
		*values++ = sum_ns[series] * second;
		for (int i = 0; i < NR_TIME_BUCKETS; i++)
			*values++ = totals->buckets[series][i];
	}
	for (int i = 0; i < 3; i++)
		*values++ = counts[i];
}

int session_read_hash(int map, size_t key_size, size_t value_size, uint32_t bound, void **keys, void **values)
{
	uint64_t position; /* the kernel keeps a bucket number there */
	uint32_t done = 0;
	bool first = true;
	int error = 0;

	*keys = malloc(bound * key_size);
	*values = malloc(bound * value_size);
	if (!*keys || !*values)
		error = -ENOMEM;
	while (!error && done < bound) {
		uint32_t count = bound - done;

		error = bpf_map_lookup_batch(map, first ? NULL : &position, &position, (char *)*keys + done * key_size,
					     (char *)*values + done * value_size, &count, NULL);
		first = false;
		if (!error || error == -ENOENT)
			done += count;
	}
	if (error && error != -ENOENT && error != -ENOSPC) {
		free(*keys);
		free(*values);
		return error;
	}
	return done;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * Requests at read-out. What has ended is read first, then the survey counts what is outstanding; the sum of both is
 * what arrived. A request that ends in between is in neither, and one that arrives in between may be; no event of that
 * time is counted twice. A request that turns out to be none, or moves to another container, makes the sum fall: the
 * counter keeps its value then, and what is missing stays with the outstanding until as many have arrived.
 */
#include "kernscale.skel.h"
#include "session.h"

static uint64_t settle(uint64_t *arrived, uint64_t ended, uint64_t outstanding)
{
	if (ended + outstanding > *arrived)
		*arrived = ended + outstanding;
	return *arrived - ended;
}

static uint64_t sum_shards(const struct session *session, uint32_t slot, enum container_scalar scalar)
{
	const struct shard *shards = &session->counters[(size_t)slot * session->shards];
	uint64_t sum = 0;

	for (uint32_t shard = 0; shard < session->shards; shard++)
		sum += __atomic_load_n(&shards[shard].scalars[scalar], __ATOMIC_RELAXED);
	return sum;
}

void requests_read_ended(struct session *session, uint32_t slot)
{
	struct totals *totals = &session->totals[slot];

	totals->abandoned = sum_shards(session, slot, SCALAR_TCP_ABANDONED);
	totals->dropped = sum_shards(session, slot, SCALAR_TCP_DROPPED);
	session->flushed[slot].outstanding = 0;
}

/* After the survey: fills in the counts that follow from others. */
void requests_settle(struct session *session, uint32_t slot)
{
	const struct flushed *flushed = &session->flushed[slot];
	struct totals *totals = &session->totals[slot];
	const struct histogram *served = &totals->histograms[HISTOGRAM_TCP_SERVE];
	double *scalars = totals->counts + NR_STATES;
	uint64_t ended = totals->abandoned + totals->dropped;

	for (uint32_t i = served->first; i < served->end; i++)
		ended += served->buckets[i];
	scalars[SCALAR_TCP_ABANDONED] = totals->abandoned;
	scalars[SCALAR_TCP_DROPPED] = totals->dropped;
	scalars[SCALAR_TCP_OUTSTANDING] = settle(&totals->requests, ended, flushed->outstanding);
	scalars[SCALAR_TCP_REQUESTS] = totals->requests;
	scalars[SCALAR_TCP_OUTSTANDING_NS] += flushed->outstanding_ns;
}

void requests_forget_sent(struct session *session)
{
	for (uint32_t position = 0; position < pool_end(&session->peers); position++)
		((struct peer_entry *)pool_entry(&session->peers, position))->scalars[PEER_SENT_OUTSTANDING] = 0;
}

/* The same for peers; `PEER_SENT` of an entry is written here alone. */
void requests_settle_sent(struct session *session)
{
	const struct entries *read = &session->peers.read;

	for (uint32_t i = 0; i < read->count; i++) {
		struct peer_entry *peer = (struct peer_entry *)pool_entry(&session->peers, read->positions[i]);
		double *scalars = read->values + read->offsets[i];
		const double *wait = scalars + NR_PEER_SCALARS; /* sum, index of the first bucket, how many, these */
		uint64_t sent = peer->scalars[PEER_SENT];
		uint64_t ended = scalars[PEER_SENT_ABANDONED] + scalars[PEER_SENT_DROPPED];

		for (uint32_t bucket = 0; bucket < wait[2]; bucket++)
			ended += wait[3 + bucket];
		scalars[PEER_SENT_OUTSTANDING] = settle(&sent, ended, peer->scalars[PEER_SENT_OUTSTANDING]);
		scalars[PEER_SENT_OUTSTANDING_NS] = peer->scalars[PEER_SENT_OUTSTANDING_NS];
		scalars[PEER_SENT] = sent;
		peer->scalars[PEER_SENT] = sent;
	}
}

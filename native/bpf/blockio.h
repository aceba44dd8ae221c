/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Latency and size of requests to block devices, by device, operation and owner. */
#ifndef KERNSCALE_BLOCKIO_H
#define KERNSCALE_BLOCKIO_H

#include "common.h"
#include "threads.h"

/*
 * With the io controller on cgroup2, a request's blkcg is the cgroup that dirtied the pages or asked for them.
 * On hybrid hosts it is a v1 cgroup, and the owner is whoever submitted the request.
 */
const volatile bool owner_is_blkcg = false;

struct bio___blkcg {
	struct blkcg_gq *bi_blkg;
} __attribute__((preserve_access_index));

/* (slot, device, op) -> histograms. Bound: four devices or operations per container, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct blockio_key);
	__type(value, struct blockio_value);
} blockio SEC(".maps");

#define MAX_REQUESTS 4096 /* a power of two above the queue depths of a machine's disks together */

struct submitter {
	__u64 request;
	__u32 slot;
	__u32 reserved;
};

/* Who submitted each request in flight: request structs are few and reused, so a place per struct will do. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_REQUESTS);
	__type(key, __u32);
	__type(value, struct submitter);
} submitters SEC(".maps");

static const struct blockio_value no_blockio;

/* The verifier forbids arithmetic on pointers to kernel objects, but not on what a context holds. */
static hot __u64 request_address(void *ctx)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), ctx);
	return address;
}

static hot struct submitter *submitter_of(__u64 request)
{
	/* Structs are at least 256 bytes apart. */
	__u32 place = ((request >> 8) * 0x9e3779b1) >> 16 & (MAX_REQUESTS - 1);

	return bpf_map_lookup_elem(&submitters, &place);
}

static hot void remember_submitter(__u64 request)
{
	struct submitter *submitter = submitter_of(request);
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = find_thread(task);

	if (!submitter)
		return;
	submitter->request = request;
	submitter->slot = thread ? thread_slot(thread, task) : 0;
}

/* In the submitter's own context (6.5+). */
SEC("tp_btf/block_io_start")
int BPF_PROG(block_io_start, struct request *request)
{
	remember_submitter(request_address(ctx));
	return 0;
}

/* Before 6.5: often the submitter's context, sometimes a kworker's. */
SEC("tp_btf/block_rq_issue")
int BPF_PROG(block_rq_issue, struct request *request)
{
	remember_submitter(request_address(ctx));
	return 0;
}

static hot __u32 owner_slot(struct request *request, __u64 address)
{
	struct submitter *submitter;
	struct bio___blkcg *bio = (void *)request->bio;
	__u32 slot;

	if (owner_is_blkcg && bio && bpf_core_field_exists(bio->bi_blkg)) {
		slot = find_slot(bio->bi_blkg->blkcg->css.cgroup);
		if (slot)
			return slot;
		/* An ancestor of the containers: the io controller is not enabled down to them. */
	}
	submitter = submitter_of(address);
	if (submitter && submitter->request == address)
		return submitter->slot;
	count_drop(DROP_BLOCKIO_OWNER_LOST);
	return 0;
}

static hot int operation(struct request *request)
{
	const __u32 mask = 0xff, read = 0, write = 1, discard = 3, secure_erase = 5, zone_append = 7, zeroes = 9;
	__u64 flags = request->cmd_flags;

	switch (flags & mask) {
	case read:
		return BLOCK_READ;
	case write:
		/* What an fsync ends in: an empty write that asks for a flush. */
		if (!request->__data_len && flags & 1ULL << bpf_core_enum_value(enum req_flag_bits, __REQ_PREFLUSH))
			return BLOCK_FLUSH;
		return BLOCK_WRITE;
	case zone_append:
	case zeroes:
		return BLOCK_WRITE;
	case discard:
	case secure_erase:
		return BLOCK_DISCARD;
	default:
		/* Driver commands, zone management, and the flushes that the block layer makes of several askers'. */
		return -1;
	}
}

static hot struct blockio_value *find_blockio(struct blockio_key *key)
{
	struct blockio_value *value = bpf_map_lookup_elem(&blockio, key);

	if (value)
		return value;
	bpf_map_update_elem(&blockio, key, &no_blockio, BPF_NOEXIST);
	value = bpf_map_lookup_elem(&blockio, key);
	if (!value)
		count_drop(DROP_BLOCKIO_FULL);
	return value;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(block_rq_complete, struct request *request, blk_status_t error, unsigned int bytes)
{
	struct gendisk *disk = request->q->disk;
	int op = operation(request);
	struct blockio_key key = {};
	struct blockio_value *value;
	__u64 started = request->start_time_ns;
	__u64 length;

	if (op < 0 || !disk)
		return 0;
	if (!started) {
		/* Accounting is off for this queue (queue/iostats): there is no start to measure from. */
		count_drop(DROP_BLOCKIO_NO_START);
		return 0;
	}
	key.slot = owner_slot(request, request_address(ctx));
	key.device = disk->major << 20 | disk->first_minor;
	key.op = op;
	value = find_blockio(&key);
	if (!value)
		return 0;
	__sync_fetch_and_add(&value->sum_bytes, bytes);
	if (bytes < request->__data_len)
		return 0; /* completed in part: more to come */

	length = bpf_ktime_get_ns() - started;
	__sync_fetch_and_add(&value->sum_ns, length);
	__sync_fetch_and_add(&value->time_buckets[time_bucket(length)], 1);
	__sync_fetch_and_add(&value->size_buckets[size_bucket(bytes)], 1);
	return 0;
}

#endif

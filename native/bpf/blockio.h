/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Latency, size and failures of requests to block devices, by device, operation and owner. */
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

/* Since 6.12; macros before. */
enum rqf_flags___bits { __RQF_FLUSH_SEQ___bits = 1 };

/* (slot, device, op) -> counters. Bound: four devices or operations per container, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct blockio_key);
	__type(value, struct blockio_value);
} blockio SEC(".maps");

struct submitter {
	__u64 request; /* 0: free */
	__u32 slot;
	__u32 reserved;
};

/* One cache line. */
#define SUBMITTERS_PER_LINE 4
struct submitters_line {
	struct submitter submitters[SUBMITTERS_PER_LINE];
};

#define MAX_SUBMITTERS_LINES 1024 /* a power of two: 4096 requests, above the queue depths of a machine's disks */

/*
 * Who submitted each request in flight, by the request struct's address. Where five in flight share a line, one
 * loses its owner, which is counted: among 256 in flight that happens once in a hundred times.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_SUBMITTERS_LINES);
	__type(key, __u32);
	__type(value, struct submitters_line);
} submitters SEC(".maps");

static const struct blockio_value no_blockio;

/* The verifier forbids arithmetic on pointers to kernel objects, but not on what a context holds. */
static hot __u64 request_address(void *ctx)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), ctx);
	return address;
}

static hot struct submitters_line *line_of(__u64 request)
{
	/* Structs are at least 256 bytes apart. */
	__u32 line = ((request >> 8) * 0x9e3779b1) >> 16 & (MAX_SUBMITTERS_LINES - 1);

	return bpf_map_lookup_elem(&submitters, &line);
}

static hot struct submitter *find_submitter(struct submitters_line *line, __u64 request)
{
	for (int i = 0; i < SUBMITTERS_PER_LINE; i++)
		if (line->submitters[i].request == request)
			return &line->submitters[i];
	return NULL;
}

/* A struct whose last request was merged into another is still in its place: that one never completed. */
static hot struct submitter *make_submitter(struct submitters_line *line, __u64 request)
{
	struct submitter *submitter = find_submitter(line, request);

	if (submitter)
		return submitter;
	for (int i = 0; i < SUBMITTERS_PER_LINE; i++)
		if (!line->submitters[i].request && !__sync_val_compare_and_swap(&line->submitters[i].request, 0, request))
			return &line->submitters[i];
	line->submitters[0].request = request;
	return &line->submitters[0];
}

static hot void remember_submitter(__u64 request)
{
	struct submitters_line *line = line_of(request);
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = find_thread(task);

	if (line)
		make_submitter(line, request)->slot = thread ? thread_slot(thread, task) : 0;
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

/* `last`: the request struct is free afterwards. */
static hot __u32 submitter_slot(__u64 request, bool last)
{
	struct submitters_line *line = line_of(request);
	struct submitter *submitter = line ? find_submitter(line, request) : NULL;
	__u32 slot;

	if (!submitter) {
		if (last)
			count_drop(DROP_BLOCKIO_OWNER_LOST);
		return 0;
	}
	slot = submitter->slot;
	if (last)
		submitter->request = 0;
	return slot;
}

static hot __u32 owner_slot(struct request *request, __u64 address, bool last)
{
	struct bio___blkcg *bio = (void *)request->bio;
	__u32 submitter = submitter_slot(address, last);
	__u32 slot = 0;

	if (owner_is_blkcg && bio && bpf_core_field_exists(bio->bi_blkg))
		slot = find_slot(bio->bi_blkg->blkcg->css.cgroup);
	/* Or an ancestor of the containers: the io controller is not enabled down to them. */
	return slot ?: submitter;
}

/* In the terms of /proc/diskstats, which counts the same requests. */
static hot int operation(struct request *request)
{
	const __u32 mask = 0xff, read = 0, write = 1, discard = 3, secure_erase = 5, zone_append = 7, zeroes = 9;
	__u64 flags = request->cmd_flags;

	switch (flags & mask) {
	case read:
		return BLOCK_READ;
	case write:
		/* What an fsync ends in: a write of nothing that asks for a flush. */
		if (!request->nr_phys_segments && flags & 1ULL << bpf_core_enum_value(enum req_flag_bits, __REQ_PREFLUSH))
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

/*
 * A write that asks for a flush before or after it, on a device that has none built in, is cut into up to three
 * steps. Its data completes first, with this flag; then the request itself, without, and with no bytes left.
 */
static hot bool is_step_of_flush(struct request *request)
{
	const __u32 before_enum = 1 << 4;

	if (bpf_core_enum_value_exists(enum rqf_flags___bits, __RQF_FLUSH_SEQ___bits))
		return request->rq_flags & 1U << bpf_core_enum_value(enum rqf_flags___bits, __RQF_FLUSH_SEQ___bits);
	return request->rq_flags & before_enum;
}

static hot struct blockio_value *find_blockio(struct blockio_key *key, struct gendisk *disk)
{
	struct blockio_value *value = bpf_map_lookup_elem(&blockio, key);

	if (value)
		return value;
	bpf_map_update_elem(&blockio, key, &no_blockio, BPF_NOEXIST);
	value = bpf_map_lookup_elem(&blockio, key);
	if (value)
		BPF_CORE_READ_STR_INTO(&value->device, disk, disk_name);
	else
		count_drop(DROP_BLOCKIO_FULL);
	return value;
}

/* Requests come here as the device saw them: what was split counts for each part, what was merged counts once. */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(block_rq_complete, struct request *request, blk_status_t error, unsigned int bytes)
{
	bool all_bytes = bytes >= request->__data_len; /* else completed in part: more to come */
	bool last = all_bytes && !is_step_of_flush(request);
	struct gendisk *disk = request->q->disk;
	int op = operation(request);
	struct blockio_key key = {};
	struct blockio_value *value;
	__u64 length;

	if (op < 0 || !disk)
		return 0;
	key.slot = owner_slot(request, request_address(ctx), last);
	key.device = disk->major << 20 | disk->first_minor;
	key.op = op;
	value = find_blockio(&key, disk);
	if (!value)
		return 0;
	if (error) {
		if (last)
			__sync_fetch_and_add(&value->failures, 1);
		return 0;
	}
	if (bytes) {
		__sync_fetch_and_add(&value->sum_bytes, bytes);
		if (all_bytes)
			__sync_fetch_and_add(&value->size_buckets[size_bucket(bytes)], 1);
	}
	if (!last)
		return 0;
	if (!request->start_time_ns) {
		/* Accounting is off for this queue (queue/iostats): there is no start to measure from. */
		count_drop(DROP_BLOCKIO_NO_START);
		return 0;
	}
	length = bpf_ktime_get_ns() - request->start_time_ns;
	__sync_fetch_and_add(&value->sum_ns, length);
	__sync_fetch_and_add(&value->time_buckets[time_bucket(length)], 1);
	return 0;
}

#endif

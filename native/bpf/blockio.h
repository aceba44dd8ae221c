/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Latency, size and failures of requests to block devices, by device, operation and owner. */
#ifndef KERNSCALE_BLOCKIO_H
#define KERNSCALE_BLOCKIO_H

#include "pool.h"
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

/* By slot, device and operation. Bound: four per container on average, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct blockio_entry);
} blockio SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct blockio_key);
	__type(value, __u32);
} blockio_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__type(value, __u32);
} blockio_freed SEC(".maps");

__u32 blockio_fresh; /* entries never taken begin here */

struct pending {
	__u64 request; /* 0: free */
	__u32 slot;    /* of whoever submitted it */
	__u32 bytes;   /* completed so far */
};

/* One cache line. */
#define PENDING_PER_LINE 4
struct pending_line {
	struct pending requests[PENDING_PER_LINE];
};

#define MAX_PENDING_LINES 1024 /* a power of two: 4096 requests, above the queue depths of a machine's disks */

/*
 * What is known of each request in flight, by the request struct's address. Where five in flight share a line, one
 * is forgotten, which is counted: among 256 in flight that happens once in a hundred times.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_PENDING_LINES);
	__type(key, __u32);
	__type(value, struct pending_line);
} pending SEC(".maps");

static hot struct pending_line *line_of(struct request *request)
{
	/* Structs are at least 256 bytes apart. */
	__u32 line = ((lower_half(request) >> 8) * 0x9e3779b1) >> 16 & (MAX_PENDING_LINES - 1);

	return bpf_map_lookup_elem(&pending, &line);
}

static hot struct pending *find_pending(struct pending_line *line, struct request *request)
{
	for (int i = 0; line && i < PENDING_PER_LINE; i++)
		if (line->requests[i].request == (__u64)request)
			return &line->requests[i];
	return NULL;
}

static hot void count_in_flight(__u32 slot, __s64 change)
{
	__s64 *requests = bpf_map_lookup_elem(&block_requests, &slot);

	/* A slot that was freed meanwhile starts again from zero. */
	if (requests && (change > 0 || *requests > 0))
		__sync_fetch_and_add(requests, change);
}

/* A struct whose last request was merged into another is still in its place: that request never completed. */
static hot struct pending *make_pending(struct pending_line *line, struct request *request)
{
	struct pending *found = find_pending(line, request);

	for (int i = 0; !found && i < PENDING_PER_LINE; i++)
		if (!line->requests[i].request && !__sync_val_compare_and_swap(&line->requests[i].request, 0, (__u64)request))
			return &line->requests[i];
	if (!found)
		found = &line->requests[0];
	count_in_flight(found->slot, -1);
	found->request = (__u64)request;
	return found;
}

static hot void remember_submitter(struct request *request)
{
	struct pending_line *line = line_of(request);
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = find_thread(task);
	struct pending *made;

	if (!line)
		return;
	made = make_pending(line, request);
	made->slot = thread ? thread_slot(thread, task) : 0;
	made->bytes = 0;
	count_in_flight(made->slot, 1);
	if (!block_requests_counted)
		block_requests_counted = true;
}

/* The request struct may be another request's afterwards. */
static hot struct pending take_pending(struct request *request)
{
	struct pending *found = find_pending(line_of(request), request);
	struct pending taken = {};

	if (found) {
		taken = *found;
		found->request = 0;
		count_in_flight(taken.slot, -1);
	} else {
		count_drop(DROP_BLOCKIO_OWNER_LOST);
	}
	return taken;
}

/* In the submitter's own context (6.5+). */
SEC("tp_btf/block_io_start")
int BPF_PROG(block_io_start, struct request *request)
{
	remember_submitter(request);
	return 0;
}

/* Before 6.5: often the submitter's context, sometimes a kworker's. */
SEC("tp_btf/block_rq_issue")
int BPF_PROG(block_rq_issue, struct request *request)
{
	remember_submitter(request);
	return 0;
}

static hot __u32 owner_slot(struct request *request, __u32 submitter)
{
	struct bio___blkcg *bio = (void *)request->bio;
	__u32 slot = 0;

	if (owner_is_blkcg && bio && bpf_core_field_exists(bio->bi_blkg))
		slot = find_slot(bio->bi_blkg->blkcg->css.cgroup);
	/* Or an ancestor of the containers: the io controller is not enabled down to them. */
	return slot ?: submitter;
}

/* In the terms of /proc/diskstats, which counts the same requests. `bytes`: of the whole request. */
static hot int operation(struct request *request, __u32 bytes)
{
	const __u32 mask = 0xff, read = 0, write = 1, discard = 3, secure_erase = 5, zone_append = 7, zeroes = 9;
	__u64 flags = request->cmd_flags;

	switch (flags & mask) {
	case read:
		return BLOCK_READ;
	case write:
		return bytes ? BLOCK_WRITE : BLOCK_FLUSH; /* what an fsync ends in: a write of nothing */
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

static hot struct blockio_entry *find_blockio(struct blockio_key *key)
{
	__u32 *place = bpf_map_lookup_elem(&blockio_index, key);

	return place ? bpf_map_lookup_elem(&blockio, place) : NULL;
}

static __noinline struct blockio_entry *add_blockio(struct blockio_key *key, struct gendisk *disk)
{
	struct blockio_entry *entry;
	__u32 place;

	if (!key)
		return NULL;
	entry = take_entry(&blockio, &blockio_freed, &blockio_fresh, &place);
	if (!entry) {
		count_drop(DROP_BLOCKIO_FULL);
		return NULL;
	}
	entry->key = *key;
	BPF_CORE_READ_STR_INTO(&entry->device, disk, disk_name);
	if (publish_entry((struct entry *)entry, &blockio_index, key, &blockio_freed, &place))
		return entry;
	return find_blockio(key);
}

static hot void count_success(struct blockio_entry *entry, __u64 started, __u32 bytes)
{
	__u64 length;

	if (bytes) {
		__sync_fetch_and_add(&entry->sum_bytes, bytes);
		__sync_fetch_and_add(&entry->size_buckets[size_bucket(bytes)], 1);
	}
	if (!started) {
		/* Accounting is off for this queue (queue/iostats): there is no start to measure from. */
		count_drop(DROP_BLOCKIO_NO_START);
		return;
	}
	length = bpf_ktime_get_ns() - started;
	__sync_fetch_and_add(&entry->sum_ns, length);
	__sync_fetch_and_add(&entry->time_buckets[time_bucket(length)], 1);
}

/* Requests come here as the device saw them: what was split counts for each part, what was merged counts once. */
SEC("tp_btf/block_rq_complete")
int BPF_PROG(block_rq_complete, struct request *request, blk_status_t error, unsigned int bytes)
{
	struct gendisk *disk = request->q->disk;
	struct blockio_key key = {};
	struct blockio_entry *entry;
	struct pending *part, whole;

	if (!disk || operation(request, 0) < 0)
		return 0;
	if (bytes < request->__data_len || is_step_of_flush(request)) {
		part = find_pending(line_of(request), request);
		if (part)
			part->bytes += bytes;
		return 0;
	}
	whole = take_pending(request);
	whole.bytes += bytes;
	key.slot = owner_slot(request, whole.slot);
	key.device = disk->major << 20 | disk->first_minor;
	key.op = operation(request, whole.bytes);
	entry = find_blockio(&key) ?: add_blockio(&key, disk);
	if (!entry)
		return 0;
	if (error)
		__sync_fetch_and_add(&entry->failures, 1);
	else
		count_success(entry, request->start_time_ns, whole.bytes);
	return 0;
}

#endif

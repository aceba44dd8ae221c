/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The blockio probe: latency, size and failures of block requests by owner, device and operation. */
#ifndef KERNSCALE_BLOCKIO_H
#define KERNSCALE_BLOCKIO_H

#include "pool.h"
#include "threads.h"

/*
 * True where the io controller is on cgroup2: a request's blkcg is then the cgroup that dirtied or read the pages. On
 * hybrid hosts it is a v1 cgroup, and the owner is the request's submitter. Set before loading.
 */
const volatile bool owner_is_blkcg = false;

struct bio___blkcg {
	struct blkcg_gq *bi_blkg;
} __attribute__((preserve_access_index));

/* An enum since 6.12, macros before. */
enum rqf_flags___bits { __RQF_FLUSH_SEQ___bits = 1 };

/* The pool's entries; those from `blockio_end` on were never used. Bound: four per container, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct blockio_entry);
} blockio SEC(".maps");

/* Key -> position in `blockio`. Same bound. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct blockio_key);
	__type(value, __u32);
} blockio_index SEC(".maps");

/* Free positions, pushed by user space. Same bound. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 1);
	__type(value, __u32);
} blockio_free SEC(".maps");

__u32 blockio_end;

/* A request in flight. */
struct pending {
	__u64 request; /* address of its struct request; 0: free */
	__u32 slot;    /* of its submitter */
	__u32 bytes;   /* completed so far */
};

/* One cache line. */
#define PENDING_PER_LINE 4
struct pending_line {
	struct pending requests[PENDING_PER_LINE];
};

#define MAX_PENDING_LINES 1024 /* a power of two: 4,096 requests, more than the queue depths of a machine's disks */

/*
 * Requests in flight, by a hash of the struct's address. A fifth request in one line overwrites the first, which is
 * counted as a drop: with 256 requests in flight that affects one in a hundred.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_PENDING_LINES);
	__type(key, __u32);
	__type(value, struct pending_line);
} pending SEC(".maps");

static __always_inline struct pending_line *pending_line(struct request *request)
{
	/* The structs are at least 256 bytes apart. */
	__u32 line = ((lower_half(request) >> 8) * 0x9e3779b1) >> 16 & (MAX_PENDING_LINES - 1);

	return bpf_map_lookup_elem(&pending, &line);
}

static __always_inline struct pending *find_pending(struct pending_line *line, struct request *request)
{
	for (int i = 0; line && i < PENDING_PER_LINE; i++)
		if (line->requests[i].request == (__u64)request)
			return &line->requests[i];
	return NULL;
}

static __always_inline void count_in_flight(__u32 slot, __s64 change)
{
	__s64 *requests = bpf_map_lookup_elem(&block_requests, &slot);

	/* A slot that was freed in between has started again from zero. */
	if (requests && (change > 0 || *requests > 0))
		__sync_fetch_and_add(requests, change);
}

/* Reuses the entry of a struct whose last request was merged into another and so never completed. */
static __always_inline struct pending *make_pending(struct pending_line *line, struct request *request)
{
	struct pending *found = find_pending(line, request);

	for (int i = 0; !found && i < PENDING_PER_LINE; i++)
		if (!line->requests[i].request &&
		    !__sync_val_compare_and_swap(&line->requests[i].request, 0, (__u64)request))
			return &line->requests[i];
	if (!found)
		found = &line->requests[0];
	count_in_flight(found->slot, -1);
	found->request = (__u64)request;
	return found;
}

static __always_inline void add_request(struct request *request)
{
	struct pending_line *line = pending_line(request);
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

/* Removes and returns the entry, because the struct request is reused by other requests. */
static __always_inline struct pending take_pending(struct request *request)
{
	struct pending *found = find_pending(pending_line(request), request);
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

/* Runs in the submitter's context (6.5+). */
SEC("tp_btf/block_io_start")
int BPF_PROG(block_io_start, struct request *request)
{
	add_request(request);
	return 0;
}

/* Before 6.5: usually in the submitter's context, sometimes in a kworker's. */
SEC("tp_btf/block_rq_issue")
int BPF_PROG(block_rq_issue, struct request *request)
{
	add_request(request);
	return 0;
}

static __always_inline __u32 owner_slot(struct request *request, __u32 submitter)
{
	struct bio___blkcg *bio = (void *)request->bio;
	__u32 slot = 0;

	if (owner_is_blkcg && bio && bpf_core_field_exists(bio->bi_blkg))
		slot = find_slot(bio->bi_blkg->blkcg->css.cgroup);
	/* Slot 0: the io controller is enabled only for an ancestor of the containers. */
	return slot ?: submitter;
}

/* Operation as /proc/diskstats, which counts the same requests, has it; -1: not counted. `bytes`: whole request. */
static __always_inline int operation(struct request *request, __u32 bytes)
{
	const __u32 mask = 0xff, read = 0, write = 1, discard = 3, secure_erase = 5, zone_append = 7, zeroes = 9;
	__u64 flags = request->cmd_flags;

	switch (flags & mask) {
	case read:
		return BLOCK_READ;
	case write:
		return bytes ? BLOCK_WRITE : BLOCK_FLUSH; /* an fsync ends in a write of no bytes */
	case zone_append:
	case zeroes:
		return BLOCK_WRITE;
	case discard:
	case secure_erase:
		return BLOCK_DISCARD;
	default:
		/* Driver commands, zone management, and the flushes that the block layer shares between requests. */
		return -1;
	}
}

/*
 * True for a step of a write that the block layer splits because it requests a flush that the device does not do in
 * one command. The data completes first, with this flag; then the request itself, without the flag and without bytes.
 */
static __always_inline bool is_step_of_flush(struct request *request)
{
	const __u32 before_enum = 1 << 4;

	if (bpf_core_enum_value_exists(enum rqf_flags___bits, __RQF_FLUSH_SEQ___bits))
		return request->rq_flags & 1U << bpf_core_enum_value(enum rqf_flags___bits, __RQF_FLUSH_SEQ___bits);
	return request->rq_flags & before_enum;
}

static __always_inline struct blockio_entry *find_blockio(struct blockio_key *key)
{
	__u32 *position = bpf_map_lookup_elem(&blockio_index, key);

	return position ? bpf_map_lookup_elem(&blockio, position) : NULL;
}

static __noinline struct blockio_entry *add_blockio(struct blockio_key *key, struct gendisk *disk)
{
	struct blockio_entry *entry;
	__u32 position;

	if (!key)
		return NULL;
	entry = allocate_entry(&blockio, &blockio_free, &blockio_end, &position);
	if (!entry) {
		count_drop(DROP_BLOCKIO_FULL);
		return NULL;
	}
	entry->key = *key;
#pragma unroll
	for (int i = 0; i < MAX_DEVICE_NAME; i++)
		entry->device[i] = disk->disk_name[i];
	if (publish_entry((struct entry *)entry, &blockio_index, key, &blockio_free, &position))
		return entry;
	return find_blockio(key);
}

static __always_inline void count_success(struct blockio_entry *entry, __u64 started, __u32 bytes)
{
	__u64 length;

	if (bytes) {
		__sync_fetch_and_add(&entry->bytes.sum_bytes, bytes);
		__sync_fetch_and_add(&entry->bytes.buckets[size_bucket(bytes)], 1);
	}
	if (!started) {
		/* Accounting is off for this queue (queue/iostats): the request has no start time. */
		count_drop(DROP_BLOCKIO_NO_START);
		return;
	}
	length = bpf_ktime_get_ns() - started;
	__sync_fetch_and_add(&entry->seconds.sum_ns, length);
	__sync_fetch_and_add(&entry->seconds.buckets[time_bucket(length)], 1);
}

/* Sees requests as the device does: split requests count once per part, merged ones once in total. */
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
		part = find_pending(pending_line(request), request);
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
		__sync_fetch_and_add(&entry->scalars[BLOCKIO_FAILURES], 1);
	else
		count_success(entry, request->start_time_ns, whole.bytes);
	return 0;
}

#endif

/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Every instant of every thread: on a CPU, waiting for one, out of quota, or blocked for a reason.
 *
 * One program on sched_switch sees both ends of every state; there is no hook on wake-ups, because the kernel
 * itself notes when a thread became runnable (sched_info, kept for /proc/PID/schedstat). Intervals that are not
 * finished are credited by an iterator over all threads that user space runs before it reads:
 * see docs/probes.md for why.
 */
#ifndef KERNSCALE_SCHEDULER_H
#define KERNSCALE_SCHEDULER_H

#include "common.h"
#include "threads.h"
#include "reason.h"

#define TASK_DEAD 0x80

/* The tracepoint comes a moment before task->on_cpu. */
#define GETTING_ON_CPU_NS 1000000

/* Not in every kernel: CONFIG_CFS_BANDWIDTH; per-task throttling came in 6.18, the group's clock in 6.6. */
struct task_struct___per_task_throttle {
	bool throttled;
} __attribute__((preserve_access_index));

struct cfs_rq___throttle_count {
	int throttle_count;
} __attribute__((preserve_access_index));

struct cfs_rq___throttle_clock {
	__u64 throttled_clock_self;
	__u64 throttled_clock_self_time;
} __attribute__((preserve_access_index));

/* Set once sched_switch is attached: from then on the states of threads are known. */
bool switches_seen;

/* Unfinished time per slot. Bound: containers + 1, set before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settled);
} settled SEC(".maps");

/*
 * The clock of the run queue a task is on, which the scheduler has just refreshed when it switches: the clock
 * that sched_info is kept in, and three loads where bpf_ktime_get_ns is a clock read. Tasks of every class have
 * a cfs_rq.
 */
static hot __u64 runqueue_clock(struct task_struct *task)
{
	return task->se.cfs_rq->rq->clock;
}

static hot __u64 later(__u64 a, __u64 b)
{
	return a > b ? a : b;
}

/* What lies after `from` of an interval ending at `until`; clocks of two CPUs may differ a little. */
static hot __u64 since(__u64 from, __u64 until)
{
	return until > from ? until - from : 0;
}

/* One finished interval [from, until) of which all up to `credited` is in the settled map already. */
static hot void finish(struct row *row, enum thread_state state, __u64 from, __u64 credited, __u64 until)
{
	struct series *series = &row->states[state];
	__u64 length = since(from, until);

	add_to(series->total_ns, since(later(from, credited), until));
	add_to(series->sum_ns, length);
	add_to(series->buckets[time_bucket(length)], 1);
}

/* An int up to 6.18 and a byte in 7.2: a plain load cannot be relocated from the one to the other. */
static hot bool is_on_cpu(struct task_struct *task)
{
	return BPF_CORE_READ_BITFIELD(task, on_cpu);
}

static hot bool is_throttled(struct task_struct *task)
{
	struct task_struct___per_task_throttle *per_task = (void *)task;
	struct cfs_rq___throttle_count *group;

	if (bpf_core_field_exists(per_task->throttled))
		return per_task->throttled;
	group = (void *)task->se.cfs_rq;
	return bpf_core_field_exists(group->throttle_count) && group->throttle_count > 0;
}

/* How long the thread's group has been throttled on its CPU, ever; `absent` where the kernel does not say. */
static hot __u64 throttle_clock(struct task_struct *task, __u64 now, __u64 absent)
{
	struct cfs_rq___throttle_clock *group = (void *)task->se.cfs_rq;
	__u64 began;

	if (!bpf_core_field_exists(group->throttled_clock_self_time))
		return absent;
	began = group->throttled_clock_self;
	return group->throttled_clock_self_time + (began ? since(began, now) : 0);
}

/*
 * When a thread that is off the CPU became, or will count as having become, a candidate for it. Waits that a
 * migration cut short are in run_delay; the current one started at last_queued.
 */
static hot __u64 runnable_from(struct thread *thread, struct task_struct *task, __u64 now)
{
	__u64 queued = task->sched_info.last_queued;
	__u64 waited;

	switch (thread->state) {
	case STATE_RUNQUEUE:
		return thread->since;
	case STATE_ONCPU: /* it left unseen */
		return queued > thread->since ? queued : now;
	case STATE_THROTTLED:
		/* The clock is the CPU's: a thread moved to another one meanwhile gives nonsense, hence the bound. */
		waited = throttle_clock(task, now, ~0ULL);
		waited = waited == ~0ULL ? since(thread->since, now) : since(thread->base, waited);
		return waited < since(thread->since, now) ? thread->since + waited : now;
	default:
		waited = since(thread->base, task->sched_info.run_delay) + (queued ? since(queued, now) : 0);
		return waited < since(thread->since, now) ? now - waited : thread->since;
	}
}

static hot void begin(struct thread *thread, enum thread_state state, __u64 now)
{
	thread->state = state;
	thread->since = now;
}

static hot void arrive(struct row *row, struct thread *thread, struct task_struct *task, __u64 now)
{
	__u32 state = thread->state;
	__u64 runnable;

	if (thread->since) {
		runnable = runnable_from(thread, task, now);
		if (state == STATE_ONCPU || state >= NR_STATES) {
			count_drop(DROP_SWITCHES_MISSED);
			state = STATE_OTHER;
		}
		if (state != STATE_RUNQUEUE)
			finish(row, state, thread->since, thread->settled, runnable);
	} else {
		/* Its first run: it has been waiting since it was created. */
		runnable = task->sched_info.last_queued ?: now;
	}
	finish(row, STATE_RUNQUEUE, runnable, thread->settled, now);
	begin(thread, STATE_ONCPU, now);
}

/*
 * Kernels may keep some switches from tracing programs (a program that is running already, a task that is exempt).
 * A thread that got its CPU unseen is repaired: the kernel noted when.
 */
static __noinline void arrive_belatedly(struct row *row, struct thread *thread, struct task_struct *task)
{
	count_drop(DROP_SWITCHES_MISSED);
	if (row && thread && task)
		arrive(row, thread, task, later(thread->since, task->sched_info.last_arrival));
}

static hot void leave_cpu(struct task_struct *task, bool preempted, __u32 task_state, __u64 now, __u32 cpu)
{
	struct thread *thread = find_thread(task);
	struct row *row;
	__u32 slot;

	if (!thread)
		return;
	slot = thread_slot(thread, task);
	row = find_row(slot, cpu);
	if (row && thread->since) {
		if (thread->state != STATE_ONCPU)
			arrive_belatedly(row, thread, task);
		finish(row, STATE_ONCPU, thread->since, thread->settled, now);
	}

	if (task_state & TASK_DEAD) {
		end_thread(thread);
	} else if (!preempted && task_state) {
		thread->base = task->sched_info.run_delay;
		begin(thread, reason_of(task, thread, slot, task_state), now);
	} else if (is_throttled(task)) {
		thread->base = throttle_clock(task, now, 0);
		begin(thread, STATE_THROTTLED, now);
	} else {
		begin(thread, STATE_RUNQUEUE, now);
	}
}

static hot void enter_cpu(struct task_struct *task, __u64 now, __u32 cpu)
{
	struct thread *thread = find_thread(task);
	struct row *row;

	if (!thread)
		return;
	row = find_row(thread_slot(thread, task), cpu);
	if (row)
		arrive(row, thread, task, now);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state)
{
	__u64 now = runqueue_clock(next);
	__u32 cpu = bpf_get_smp_processor_id();

	/* Every CPU's idle task has pid 0. */
	if (prev->pid)
		leave_cpu(prev, preempt, prev_state, now, cpu);
	if (next->pid)
		enter_cpu(next, now, cpu);
	return 0;
}

/* Threads get their place here, not in sched_switch, where allocating is slow and, before 6.4, unsafe. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct *parent, struct task_struct *child)
{
	make_thread(child, true);
	return 0;
}

/* Changes whenever the thread gets or leaves a CPU. */
static hot __u64 switches_of(struct task_struct *task)
{
	return task->nvcsw + task->nivcsw + task->sched_info.pcount;
}

static hot enum thread_state present_state(struct thread *thread, struct task_struct *task)
{
	if (is_on_cpu(task))
		return STATE_ONCPU;
	if (is_throttled(task))
		return STATE_THROTTLED;
	if (task->sched_info.last_queued)
		return STATE_RUNQUEUE;
	return reason_of(task, thread, thread->slot, task->__state);
}

/*
 * A thread that ran before the probe did: its present state counts from now on. The thread may be switched
 * meanwhile on another CPU, which then knows better: in that case look again.
 */
static hot void adopt(struct thread *thread, struct task_struct *task, __u64 now)
{
	const int attempts = 4;
	__u64 switches;

	for (int i = 0; i < attempts; i++) {
		switches = switches_of(task);
		thread->settled = now;
		thread->base = task->sched_info.run_delay;
		begin(thread, present_state(thread, task), now);
		barrier();
		if (switches_of(task) == switches)
			return;
	}
}

static hot void settle_thread(struct thread *thread, struct task_struct *task, struct settled *total, __u64 now)
{
	__u64 began = thread->since;
	__u64 credited = later(began, thread->settled);
	__u32 state = thread->state;
	__u64 runnable;

	if (now <= credited || state >= NR_STATES)
		return;
	thread->settled = now;
	if (state == STATE_ONCPU && (is_on_cpu(task) || now < began + GETTING_ON_CPU_NS)) {
		total->total_ns[STATE_ONCPU] += now - credited;
		return;
	}
	if (state == STATE_ONCPU) {
		/* It left unseen, who knows when: what it does now counts from now on. */
		total->total_ns[STATE_OTHER] += now - credited;
		count_drop(DROP_SWITCHES_MISSED);
		adopt(thread, task, now);
		return;
	}
	runnable = later(credited, runnable_from(thread, task, now));
	total->total_ns[state] += runnable - credited;
	total->total_ns[STATE_RUNQUEUE] += now - runnable;
}

SEC("iter/task")
int settle(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct thread *thread;
	struct settled *total;
	__u32 slot;

	if (!task || task->exit_state)
		return 0;
	if (!settle_clock)
		settle_clock = runqueue_clock(bpf_get_current_task_btf());
	thread = make_thread(task, false);
	if (!thread)
		return 0;
	/* Before the slot is looked up anew: what is past belongs to the slot that counted it so far. */
	slot = thread->slot;
	total = bpf_map_lookup_elem(&settled, &slot);
	if (total && thread->since)
		settle_thread(thread, task, total, settle_clock);
	thread_slot(thread, task);
	if (switches_seen && !thread->since && task->sched_info.pcount)
		adopt(thread, task, settle_clock);
	return 0;
}

/* Remembers what the last request given to io_uring will make its submitter wait for. */
static hot enum thread_state uring_reason(struct io_kiocb *request, struct task_struct *task)
{
	const __u8 readv = 1, writev = 2, fsync = 3, read_fixed = 4, write_fixed = 5, timeout = 11, read = 22, write = 23;
	__u8 opcode = request->opcode;

	switch (opcode) {
	case timeout:
		return STATE_SLEEP;
	case fsync:
		return STATE_DISK;
	case readv:
	case writev:
	case read_fixed:
	case write_fixed:
	case read:
	case write: {
		const __u64 fixed_file = 1;
		enum direction direction = opcode == writev || opcode == write_fixed || opcode == write ? WRITES : READS;

		/* A registered file's number is an index into the ring's own table: mostly storage engines' files. */
		return request->flags & fixed_file ? STATE_DISK : waiting_on_fd(task, request->cqe.fd, direction);
	}
	default:
		/* Sockets and polls: for an answer if one is due, decided when it blocks. */
		return STATE_NETWORK;
	}
}

static hot int on_uring_submit(struct io_kiocb *request)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = find_thread(task);

	if (thread)
		thread->uring_reason = uring_reason(request, task);
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(io_uring_submit, struct io_kiocb *request)
{
	return on_uring_submit(request);
}

/* The same under its name before 6.4 (2ad57931db64). */
SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(io_uring_submit_sqe, struct io_kiocb *request)
{
	return on_uring_submit(request);
}

#endif

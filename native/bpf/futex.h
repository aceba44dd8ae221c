/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Contention or parking. A futex wait is either for a lock that another thread holds or for work. The value that is
 * waited on tells them apart, because C libraries and runtimes have only a few encodings of a contended lock. A wait
 * on any other value counts as a wait for work.
 */
#ifndef KERNSCALE_FUTEX_H
#define KERNSCALE_FUTEX_H

#include "common.h"
#include "syscalls.h"

#define MAX_PID (1 << 22) /* PID_MAX_LIMIT */

/* Offset of the word that pthread_join waits on in musl's struct pthread, which starts with a pointer to itself. */
#if defined(__TARGET_ARCH_x86)
#define MUSL_DETACH_STATE 56
#elif defined(__TARGET_ARCH_arm64)
#define MUSL_DETACH_STATE 40
#endif

static __always_inline bool is_thread_id(__u32 value)
{
	return value && value <= MAX_PID;
}

/*
 * True for a contended mutex of glibc or Go: FUTEX_WAIT with the value 2. Other waits with that value are distinguished by
 * the memory around the word: a condition variable of musl (on the waiter's own stack, without an owner where glibc's
 * mutex has one), pthread_join of musl (a struct pthread around the word), pthread_join of glibc before 2.34 for thread
 * 2 (a shared futex without an owner). Only the current task's memory is readable: no other wait counts as a lock.
 */
static __always_inline bool is_contended_mutex(struct task_struct *task, __u64 address, __u64 stack, bool is_private)
{
	const __u64 owner_offset = 8, frame = 1024;
	__u64 thread = address - MUSL_DETACH_STATE, itself = 0;
	__u32 owner = 0;

	if (task != bpf_get_current_task_btf())
		return false;
	if (!is_private || address - stack < frame) {
		bpf_probe_read_user(&owner, sizeof(owner), (void *)(address + owner_offset));
		return is_thread_id(owner);
	}
	bpf_probe_read_user(&itself, sizeof(itself), (void *)thread);
	return itself != thread;
}

/*
 * True for glibc's reader-writer lock, which sets FUTEX_CLOCK_REALTIME even without a time-out. It waits for the value
 * 3 or, as a writer for readers, for a 2 followed by an odd word. glibc's condition variables (2.41+) count in twos and
 * are followed by an even word.
 */
static __always_inline bool is_contended_rwlock(struct task_struct *task, __u64 address, __u32 expected)
{
	__u32 next = 0;

	if (expected == 2 && task == bpf_get_current_task_btf())
		bpf_probe_read_user(&next, sizeof(next), (void *)(address + sizeof(expected)));
	return expected == 3 || next & 1;
}

static __always_inline enum thread_state waiting_in_futex(struct task_struct *task, struct pt_regs *regs)
{
	const __u32 wait = 0, lock_pi = 6, wait_bitset = 9, lock_pi2 = 13, command = 0x7f;
	const __u32 private = 0x80, realtime = 0x100, waiters = 0x80000000, owner_dead = 0x40000000;
	const __u32 rust_write_locked = 0x7fffffff;
	__u64 address = SYSCALL_ARG1(regs);
	__u32 op = SYSCALL_ARG2(regs), expected = SYSCALL_ARG3(regs);
	__u64 timeout = SYSCALL_ARG4(regs);
	bool lock;

	switch (op & command) {
	case lock_pi:
	case lock_pi2:
		return STATE_LOCK;
	case wait:
		lock = expected == 2 && is_contended_mutex(task, address, PT_REGS_SP_CORE(regs), op & private);
		break;
	case wait_bitset:
		/*
		 * Rust's mutex (2), and its reader-writer lock held by a writer. Only without a time-out: waits for
		 * counters, whose value can be 2, have one here.
		 */
		lock = op & realtime ? is_contended_rwlock(task, address, expected) :
				       (expected == 2 || expected == rust_write_locked) && !timeout;
		break;
	default:
		return STATE_IDLE;
	}
	/* Robust mutexes of glibc and all mutexes of musl: a waiters bit above the owner or a small number. */
	if (expected & waiters)
		lock = is_thread_id(expected & ~(waiters | owner_dead));
	return lock ? STATE_LOCK : STATE_IDLE;
}

#endif

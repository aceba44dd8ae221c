/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Contention or parking? A futex is both: a mutex that others hold, and the place where a pool waits for work. What
 * tells them apart is the value that is waited on, because the C libraries and runtimes agree on few ways to write a
 * contended mutex. Whatever is not known to be a lock is threads waiting to be given work.
 */
#ifndef KERNSCALE_FUTEX_H
#define KERNSCALE_FUTEX_H

#include "common.h"
#include "syscalls.h"

#define MAX_PID (1 << 22) /* PID_MAX_LIMIT */

/* musl's struct pthread starts with a pointer to itself; how far behind is the word that pthread_join waits on? */
#if defined(__TARGET_ARCH_x86)
#define MUSL_DETACH_STATE 56
#elif defined(__TARGET_ARCH_arm64)
#define MUSL_DETACH_STATE 40
#endif

static hot bool is_thread_id(__u32 value)
{
	return value && value <= MAX_PID;
}

/*
 * Who waits for a 2 without a bit set waits for a mutex of glibc's or Go's. Or for one of these, which are told by
 * what lies around the word: a condition variable of musl's (in the waiter's own stack frame, where glibc's mutex
 * would name its owner), pthread_join of musl's, pthread_join of glibc's before 2.34 for thread 2 (it is shared, and
 * a shared mutex names its owner). Only the memory of the current task can be read: any other is not called a lock.
 */
static hot bool is_contended_mutex(struct task_struct *task, __u64 address, __u64 stack, bool is_private)
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
 * With the real-time clock's bit, even when there is no time-out: glibc's reader-writer lock waits for a 3, or, as a
 * writer for the readers, for a 2 with an odd word behind. glibc's condition variables (2.41+) count in twos, and so
 * have an even one.
 */
static hot bool is_contended_rwlock(struct task_struct *task, __u64 address, __u32 expected)
{
	__u32 next = 0;

	if (expected == 2 && task == bpf_get_current_task_btf())
		bpf_probe_read_user(&next, sizeof(next), (void *)(address + sizeof(expected)));
	return expected == 3 || next & 1;
}

static hot enum thread_state waiting_in_futex(struct task_struct *task, struct pt_regs *regs)
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
		lock = expected == 2 &&
		       is_contended_mutex(task, address, PT_REGS_SP_CORE(regs), op & private);
		break;
	case wait_bitset:
		/*
		 * Rust's mutex, 2, and reader-writer lock held by a writer; without a time-out, which other waits for
		 * counters that can be 2 have here.
		 */
		lock = op & realtime ? is_contended_rwlock(task, address, expected) :
				       (expected == 2 || expected == rust_write_locked) && !timeout;
		break;
	default:
		return STATE_IDLE;
	}
	/* Robust mutexes of glibc's and all of musl's: a waiters bit above the owner, or above a small number. */
	if (expected & waiters)
		lock = is_thread_id(expected & ~(waiters | owner_dead));
	return lock ? STATE_LOCK : STATE_IDLE;
}

#endif

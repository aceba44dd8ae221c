/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Why a thread is blocked, read from the thread itself when it leaves the CPU: the system call it is in, that
 * call's arguments, and what kind of file they name. No system call is hooked: a hook would slow down every one.
 *
 * Where the kernel cannot tell, the answer is the state that cannot cause a wrong scale-up.
 */
#ifndef KERNSCALE_REASON_H
#define KERNSCALE_REASON_H

#include "common.h"
#include "threads.h"
#include "syscalls.h"

extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym __weak;

/*
 * Where the kernel has bpf_rdonly_cast (6.2, a35b9af4ec2c), memory is read through the verifier's typed loads, and
 * through a helper call elsewhere: 2 ns or 15. The verifier drops the branch that this kernel cannot take.
 * The value of a statement expression has the member's type without its qualifiers.
 */
#define typed(type, pointer)                                                                                  \
	((type *)(bpf_rdonly_cast ? bpf_rdonly_cast((const void *)(pointer), bpf_core_type_id_kernel(type)) : \
				    (void *)(pointer)))
#define peek(pointer, member)                                           \
	({                                                              \
		typeof(({ (pointer)->member; })) value__;                \
                                                                        \
		if (bpf_rdonly_cast)                                    \
			value__ = (pointer)->member;                    \
		else                                                    \
			BPF_CORE_READ_INTO(&value__, pointer, member);  \
		value__;                                                \
	})

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10

#define S_IFMT 00170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define ANON_INODE_FS_MAGIC 0x09041934

#define TASK_STOPPED_OR_TRACED (4 | 8)
#define TASK_UNINTERRUPTIBLE 2
#define PF_USER_WORKER 0x00004000 /* io_uring and vhost workers; PF_IO_WORKER is another bit before 6.4 */
#define PF_KTHREAD 0x00200000

enum direction { READS, WRITES };

static hot bool in_iowait(struct task_struct *task)
{
	return BPF_CORE_READ_BITFIELD(task, in_iowait);
}

/* Waiting for events of many files: for an answer if one is due, else for work. */
static hot enum thread_state multiplexed(__u32 slot)
{
	__s64 *due = bpf_map_lookup_elem(&outstanding, &slot);

	return slot && due && *due > 0 ? STATE_NETWORK : STATE_IDLE;
}

static hot bool local_port_listens(__u32 port)
{
	__s32 *sockets = bpf_map_lookup_elem(&listeners, &port);

	/* Outside the ephemeral range a local port was asked for by name, as servers do. */
	return port < ephemeral_low || (sockets && *sockets > 0);
}

static hot enum thread_state waiting_on_tcp(struct sock *sk)
{
	const __u8 tcp_listen = 10;
	struct tcp_sock *tcp = typed(struct tcp_sock, sk);

	if (peek(sk, __sk_common.skc_state) == tcp_listen || local_port_listens(peek(sk, __sk_common.skc_num)))
		return STATE_IDLE;
	if (!peek(tcp, bytes_sent))
		return STATE_IDLE; /* it asked for nothing */
	/* Last sent, not last received: it waits for an answer. Both are jiffies and wrap. */
	return (__s32)(peek(tcp, lsndtime) - peek(tcp, inet_conn.icsk_ack.lrcvtime)) >= 0 ? STATE_NETWORK : STATE_IDLE;
}

static hot enum thread_state waiting_on_socket(struct file *file, enum direction direction)
{
	struct socket *socket = typed(struct socket, peek(file, private_data));
	struct sock *sk = peek(socket, sk);
	__u16 family = peek(sk, __sk_common.skc_family);

	if (family == AF_UNIX)
		return STATE_IPC;
	if (family != AF_INET && family != AF_INET6)
		return STATE_IDLE; /* netlink, packet: a daemon listening to the kernel */
	if (direction == WRITES)
		return STATE_NETWORK;
	if (peek(sk, sk_protocol) == IPPROTO_TCP)
		return waiting_on_tcp(sk);
	return local_port_listens(peek(sk, __sk_common.skc_num)) ? STATE_IDLE : STATE_NETWORK;
}

/* eventfd, timerfd and their kin share one inode: only the name tells them apart. */
static hot enum thread_state waiting_on_anonymous(struct file *file)
{
	char name[8] = {};
	struct dentry *entry = peek(file, f_path.dentry);

	bpf_probe_read_kernel(name, sizeof(name) - 1, peek(entry, d_name.name));
	if (name[1] == 't' && name[2] == 'i') /* [timerfd] */
		return STATE_SLEEP;
	if (name[1] == 'e' && name[5] == 't') /* [eventfd] */
		return STATE_IPC;
	return STATE_IDLE; /* [signalfd], inotify, [fanotify] */
}

static hot struct file *find_file(struct task_struct *task, __u32 fd)
{
	struct fdtable *table = task->files->fdt;
	struct files_struct *array;

	if (fd >= table->max_fds)
		return NULL;
	/*
	 * An element of `struct file **` read as a member of a type the verifier knows: files_struct ends in an
	 * array of such pointers.
	 */
	array = typed(struct files_struct, (__u64)(table->fd + fd) - bpf_core_field_offset(struct files_struct, fd_array));
	return peek(array, fd_array[0]);
}

static hot enum thread_state waiting_on_fd(struct task_struct *task, __u32 fd, enum direction direction)
{
	struct file *file = find_file(task, fd);
	struct inode *inode;
	struct super_block *filesystem;
	__u16 mode;

	if (!file)
		return STATE_OTHER;
	inode = peek(file, f_inode);
	mode = peek(inode, i_mode) & S_IFMT;
	if (mode == S_IFIFO)
		return STATE_IPC;
	if (mode == S_IFSOCK)
		return waiting_on_socket(file, direction);
	if (mode == S_IFBLK)
		return STATE_DISK;
	if (mode == S_IFCHR)
		return STATE_IDLE;
	/* Anonymous inodes have had no type, and since 6.17 are regular files. */
	filesystem = peek(inode, i_sb);
	if (peek(filesystem, s_magic) == ANON_INODE_FS_MAGIC)
		return waiting_on_anonymous(file);
	return STATE_DISK;
}

/* poll() of one file is how runtimes wait with a time-out: as good as a read of that file. */
static hot enum thread_state waiting_in_poll(struct task_struct *task, __u64 fds, __u64 count, __u32 slot)
{
	struct pollfd pollfd = {};

	if (count == 0)
		return STATE_SLEEP;
	if (count > 1 || task != bpf_get_current_task_btf() ||
	    bpf_probe_read_user(&pollfd, sizeof(pollfd), (void *)fds))
		return multiplexed(slot);
	if (pollfd.fd < 0)
		return STATE_SLEEP;
	return waiting_on_fd(task, pollfd.fd, READS);
}

/*
 * Contention or parking? A PI operation is a lock. So is a plain wait whose expected value is what the C
 * libraries and Rust store in a contended mutex: 2, 3 (a reader-writer lock), or a waiters bit above an owner's
 * id. Everything else is a condition variable, a semaphore, a join: threads waiting to be given work.
 */
static hot enum thread_state waiting_in_futex(struct pt_regs *regs, __u64 address, __u32 op, __u32 expected)
{
	const __u32 wait = 0, lock_pi = 6, wait_bitset = 9, lock_pi2 = 13, command = 0x7f;
	const __u32 waiters = 0x80000000, owner = 0x3fffffff, max_pid = 1 << 22;
	__u64 sp = PT_REGS_SP_CORE(regs);

	op &= command;
	if (op == lock_pi || op == lock_pi2)
		return STATE_LOCK;
	if (op != wait && op != wait_bitset)
		return STATE_IDLE;
	/* musl's condition variables wait for a 2 in the waiter's own stack frame. */
	if (address - sp < 1024)
		return STATE_IDLE;
	if (expected == 2 || expected == 3)
		return STATE_LOCK;
	return (expected & waiters) && (expected & owner) <= max_pid ? STATE_LOCK : STATE_IDLE;
}

/* In the kernel on behalf of no particular file: only a sleep that the block layer marked is the disk's. */
static hot enum thread_state unexplained(struct task_struct *task, __u32 state, enum thread_state otherwise)
{
	if (in_iowait(task))
		return STATE_DISK;
	return state & TASK_UNINTERRUPTIBLE ? otherwise : STATE_OTHER;
}

static hot enum thread_state waiting_in_syscall(struct task_struct *task, struct thread *thread, __u32 slot, __u32 state)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__u64 number = SYSCALL_NUMBER(regs);
	__u64 first = SYSCALL_ARG1(regs);

	if (number >= NR_SYSCALLS)
		/* A page fault: of the disk, or queued for the address space's lock. */
		return unexplained(task, state, STATE_LOCK);

	switch (syscall_waits[number]) {
	case WAITS_READ:
		return waiting_on_fd(task, first, READS);
	case WAITS_WRITE:
		return waiting_on_fd(task, first, WRITES);
	case WAITS_FUTEX:
		return waiting_in_futex(regs, first, SYSCALL_ARG2(regs), SYSCALL_ARG3(regs));
	case WAITS_EPOLL:
		return multiplexed(slot);
	case WAITS_POLL:
		return waiting_in_poll(task, first, SYSCALL_ARG2(regs), slot);
	case WAITS_SELECT:
		return first == 0 ? STATE_SLEEP : multiplexed(slot);
	case WAITS_SLEEP:
		return STATE_SLEEP;
	case WAITS_WORK:
		return STATE_IDLE;
	case WAITS_DISK:
		return STATE_DISK;
	case WAITS_LOCK:
		return STATE_LOCK;
	case WAITS_IPC:
		return STATE_IPC;
	case WAITS_MEMORY:
		return unexplained(task, state, STATE_LOCK);
	case WAITS_URING:
		/* in_iowait says nothing here: the kernel sets it for whoever waits for a completion. */
		return thread->uring_reason == STATE_NETWORK || !thread->uring_reason ? multiplexed(slot)
										      : thread->uring_reason;
	default:
		return unexplained(task, state, STATE_OTHER);
	}
}

static hot enum thread_state reason_of(struct task_struct *task, struct thread *thread, __u32 slot, __u32 state)
{
	if (task->flags & (PF_KTHREAD | PF_USER_WORKER))
		return in_iowait(task) ? STATE_DISK : STATE_IDLE;
	if (state & TASK_STOPPED_OR_TRACED)
		return STATE_SLEEP;
	return waiting_in_syscall(task, thread, slot, state);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Blocked reason of a thread, derived when it leaves the CPU from the system call it is in, that call's arguments, and
 * the kind of file they name. No system call is hooked, because a hook would slow down every call.
 *
 * Where the kernel does not tell, the reason is the one that cannot cause a wrong scale-up.
 */
#ifndef KERNSCALE_REASON_H
#define KERNSCALE_REASON_H

#include "threads.h"
#include "reclaim.h"
#include "sockets.h"
#include "syscalls.h"
#include "futex.h"
#include "epoll.h"

#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define ANON_INODE_FS_MAGIC 0x09041934
#define FUSE_SUPER_MAGIC 0x65735546

#define TASK_STOPPED_OR_TRACED (4 | 8)
#define TASK_FROZEN 0x8000           /* freezer of cgroup v1, or system suspend (6.1+) */
#define JOBCTL_TRAP_FREEZE (1 << 23) /* cgroup.freeze of cgroup2: a paused container */
#define TASK_UNINTERRUPTIBLE 2
#define PF_IO_WORKER 0x00000010   /* threads of io_uring */
#define PF_USER_WORKER 0x00004000 /* these and vhost's (6.4+) */
#define PF_KTHREAD 0x00200000

static __always_inline bool in_iowait(struct task_struct *task)
{
	return BPF_CORE_READ_BITFIELD(task, in_iowait);
}

/* Wait for events of many files: for responses as long as some are due, else for work. */
static __always_inline __u8 waiting_for_events(__u32 slot)
{
	return slot ? STATE_EVENTS : STATE_IDLE;
}

/* Wait for asynchronous I/O that any thread may have submitted: disk if the container has block requests in flight. */
static __always_inline __u8 waiting_for_completions(__u32 slot)
{
	__s64 *requests = bpf_map_lookup_elem(&block_requests, &slot);

	return requests && *requests > 0 ? STATE_DISK : waiting_for_events(slot);
}

/* eventfd, timerfd and the like share one inode; only the dentry's name tells them apart. */
static __always_inline __u8 waiting_on_anonymous(struct file *file, __u32 slot)
{
	struct dentry *entry = peek(file, f_path.dentry);
	__u64 name = (__u64)peek(entry, d_name.name);
	char first = peek_byte(name + 1), sixth = peek_byte(name + 6);

	if (first == 't' && peek_byte(name + 2) == 'i') /* [timerfd] */
		return STATE_SLEEP;
	if (first == 'e' && sixth == 'f') /* [eventfd] */
		return STATE_IPC;
	if (first == 'e' && sixth == 'p') /* [eventpoll], inside another poll */
		return waiting_for_events(slot);
	return STATE_IDLE; /* [signalfd], inotify, [fanotify] */
}

static __always_inline struct file *find_file(struct task_struct *task, __u32 fd)
{
	struct fdtable *table = task->files->fdt;
	struct files_struct *array;

	if (fd >= table->max_fds)
		return NULL;
	/*
	 * Reads an element of `struct file **` as a member of a type the verifier knows: files_struct ends in an array
	 * of such pointers.
	 */
	array = typed(struct files_struct,
		      (__u64)(table->fd + fd) - bpf_core_field_offset(struct files_struct, fd_array));
	return peek(array, fd_array[0]);
}

static __always_inline __u64 filesystem_magic(struct file *file)
{
	struct inode *inode = peek(file, f_inode);
	struct super_block *filesystem = peek(inode, i_sb);

	return peek(filesystem, s_magic);
}

/*
 * Wait for a page, of this file or of another one that the call also uses (sendfile's source, a mapped buffer): for a
 * disk, or for the process that serves the file.
 */
static __always_inline enum thread_state waiting_for_page(struct file *file)
{
	return file && filesystem_magic(file) == FUSE_SUPER_MAGIC ? STATE_IPC : STATE_DISK;
}

/* Waits for a disk are uninterruptible. Other waits on a regular file are in something like /proc. */
static __always_inline enum thread_state waiting_on_regular(struct file *file, __u32 state)
{
	if (filesystem_magic(file) == FUSE_SUPER_MAGIC)
		return STATE_IPC;
	return state & TASK_UNINTERRUPTIBLE ? STATE_DISK : STATE_IDLE;
}

static __always_inline __u8 waiting_on_fd(struct task_struct *task, __u32 slot, __u32 fd, enum direction direction,
					  __u32 state)
{
	struct file *file = find_file(task, fd);
	struct inode *inode;
	__u16 mode;

	if (in_iowait(task))
		return waiting_for_page(file);
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
	/* Anonymous inodes have no type before 6.17, and are regular files since. */
	if (filesystem_magic(file) == ANON_INODE_FS_MAGIC)
		return waiting_on_anonymous(file, slot);
	return waiting_on_regular(file, state);
}

/* From a pipe into a socket, the pipe is only a buffer that was filled before: the wait is for the socket. */
static __always_inline __u8 waiting_in_splice(struct task_struct *task, __u32 slot, __u32 from, __u32 to, __u32 state)
{
	__u8 reason = waiting_on_fd(task, slot, from, READS, state);

	if (reason == STATE_IPC && waiting_on_fd(task, slot, to, WRITES, state) == STATE_NETWORK)
		return STATE_NETWORK;
	return reason;
}

/* Sending waits for a page of the source or for the destination. */
static __always_inline enum thread_state waiting_in_sendfile(struct task_struct *task, __u32 slot, __u32 to, __u32 from,
							     __u32 state)
{
	if (in_iowait(task))
		return waiting_for_page(find_file(task, from));
	return waiting_on_fd(task, slot, to, WRITES, state);
}

/* Runtimes poll() a single file to read it with a time-out: that wait is the same as the read. */
static __always_inline __u8 waiting_in_poll(struct task_struct *task, struct pt_regs *regs, __u32 slot, __u32 state)
{
	__u64 fds = SYSCALL_ARG1(regs);
	__u64 count = SYSCALL_ARG2(regs);
	const short poll_in = 1;
	struct pollfd pollfd = {};

	if (count == 0)
		return STATE_SLEEP;
	if (count > 1 || task != bpf_get_current_task_btf() ||
	    bpf_probe_read_user(&pollfd, sizeof(pollfd), (void *)fds))
		return waiting_for_events(slot);
	if (pollfd.fd < 0)
		return STATE_SLEEP;
	return waiting_on_fd(task, slot, pollfd.fd, pollfd.events & poll_in ? READS : WRITES, state);
}

/* SEM_UNDO, which releases a semaphore when its holder dies, marks a lock; a semaphore that counts work omits it. */
static __always_inline __u8 waiting_in_semop(struct task_struct *task, __u64 operations)
{
	const short undo = 0x1000;
	struct sembuf first = {};

	if (task == bpf_get_current_task_btf())
		bpf_probe_read_user(&first, sizeof(first), (void *)operations);
	return first.sem_flg & undo ? STATE_LOCK : STATE_IDLE;
}

/*
 * Wait in a page fault or a change of the address space: for a disk, for the address space's lock, or, if
 * interruptible, for another thread that supplies the page (userfaultfd).
 */
static __always_inline __u8 waiting_for_memory(struct task_struct *task, __u32 state)
{
	if (in_iowait(task))
		return STATE_DISK;
	return state & TASK_UNINTERRUPTIBLE ? STATE_LOCK : STATE_IPC;
}

/* in_iowait tells nothing here: the kernel sets it during any wait for a completion. */
static __always_inline __u8 waiting_in_uring(struct thread *thread, __u32 slot)
{
	__u32 file_request = thread->uring_file;

	if (file_request && !(file_request & URING_REGISTERED))
		return STATE_DISK;
	if (file_request || !thread->uring_reason)
		return waiting_for_completions(slot);
	return thread->uring_reason == STATE_NETWORK ? waiting_for_events(slot) : thread->uring_reason;
}

/* Wait in a system call that looks up, opens, changes or closes a file. */
/* A thread that has polled sockets once does so for good: it is not looked at again. */
static __always_inline __u8 waiting_in_epoll(struct task_struct *task, struct thread *thread, __u32 slot, __u32 fd)
{
	struct file *epoll;

	if (!thread->polls_sockets) {
		epoll = find_file(task, fd);
		thread->polls_sockets = epoll && watches_sockets(epoll);
	}
	return thread->polls_sockets ? waiting_for_events(slot) : STATE_IDLE;
}

static __always_inline __u8 waiting_in_file_call(enum waits waits, __u32 state)
{
	/* Disk, journal or directory lock. */
	if (state & TASK_UNINTERRUPTIBLE)
		return STATE_DISK;
	/* SO_LINGER: the peer has to receive what was sent. Else the other end of a FIFO. */
	return waits == WAITS_CLOSE ? STATE_NETWORK : STATE_IPC;
}

static __always_inline __u8 waiting_in_syscall(struct task_struct *task, struct thread *thread, __u32 slot, __u32 state)
{
	struct pt_regs *regs = registers_of(task);
	__u64 number = SYSCALL_NUMBER(regs), first = SYSCALL_ARG1(regs);
	/* Outside a system call the number is -1: a page fault. */
	enum waits waits = number < NR_SYSCALLS ? syscall_waits[number] : WAITS_MEMORY;

	switch (waits) {
	case WAITS_READ:
		return waiting_on_fd(task, slot, first, READS, state);
	case WAITS_WRITE:
		return waiting_on_fd(task, slot, first, WRITES, state);
	case WAITS_SPLICE:
		return waiting_in_splice(task, slot, first, SYSCALL_ARG3(regs), state);
	case WAITS_SENDFILE:
		return waiting_in_sendfile(task, slot, first, SYSCALL_ARG2(regs), state);
	case WAITS_FUTEX:
		return waiting_in_futex(task, regs);
	case WAITS_EPOLL:
		return waiting_in_epoll(task, thread, slot, first);
	case WAITS_POLL:
		return waiting_in_poll(task, regs, slot, state);
	case WAITS_SELECT:
		return first == 0 ? STATE_SLEEP : waiting_for_events(slot);
	case WAITS_SLEEP:
		return STATE_SLEEP;
	case WAITS_WORK:
		return STATE_IDLE;
	case WAITS_DISK:
		return STATE_DISK;
	case WAITS_FILES:
	case WAITS_CLOSE:
		return waiting_in_file_call(waits, state);
	case WAITS_LOCK:
		return STATE_LOCK;
	case WAITS_SEMOP:
		return waiting_in_semop(task, SYSCALL_ARG2(regs));
	case WAITS_IPC:
		return STATE_IPC;
	case WAITS_MEMORY:
		return waiting_for_memory(task, state);
	case WAITS_AIO:
		return block_requests_counted ? waiting_for_completions(slot) : STATE_DISK;
	case WAITS_URING:
		return waiting_in_uring(thread, slot);
	default:
		return in_iowait(task) ? STATE_DISK : STATE_OTHER;
	}
}

/* Tells a wait for the next request from one within a request: a park, a child, a signal, a response that is due. */
static __always_inline bool waits_for_request(struct task_struct *task, __u32 slot, __u8 reason)
{
	__u64 number = SYSCALL_NUMBER(registers_of(task));

	if (reason == STATE_EVENTS)
		return !is_due(slot);
	if (reason != STATE_IDLE)
		return false;
	switch (number < NR_SYSCALLS ? syscall_waits[number] : WAITS_UNKNOWN) {
	case WAITS_READ:
	case WAITS_EPOLL:
	case WAITS_POLL:
	case WAITS_SELECT:
	case WAITS_AIO:
	case WAITS_URING:
		return true;
	case WAITS_WORK:
		return number == __NR_accept || number == __NR_accept4;
	default:
		return false;
	}
}

static __always_inline __u8 blocked_reason(struct task_struct *task, struct thread *thread, __u32 slot, __u32 state)
{
	if (task->flags & PF_KTHREAD)
		return in_iowait(task) ? STATE_DISK : STATE_IDLE;
	if (state & (TASK_STOPPED_OR_TRACED | TASK_FROZEN) || task->jobctl & JOBCTL_TRAP_FREEZE)
		return STATE_SLEEP;
	if (state & TASK_UNINTERRUPTIBLE && waits_for_memory(task, state))
		return STATE_RECLAIM;
	/* They do what would block their process: file operations, uninterruptible, or waits of any kind, as for work. */
	if (task->flags & (PF_IO_WORKER | PF_USER_WORKER))
		return state & TASK_UNINTERRUPTIBLE ? STATE_DISK : STATE_IDLE;
	return waiting_in_syscall(task, thread, slot, state);
}

#endif

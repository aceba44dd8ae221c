/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* One row per system call: the blocked reason of a thread that blocks in it. */
#ifndef KERNSCALE_SYSCALLS_H
#define KERNSCALE_SYSCALLS_H

#include <asm/unistd.h>

#include "common.h"

#define NR_SYSCALLS 512 /* above the last number of any architecture: 470 in Linux 6.18 */

#if defined(__TARGET_ARCH_x86)
#define SYSCALL_NUMBER(regs) ((regs)->orig_ax)
#define SYSCALL_ARG1(regs) ((regs)->di)
#define SYSCALL_ARG2(regs) ((regs)->si)
#define SYSCALL_ARG3(regs) ((regs)->dx)
#define SYSCALL_ARG4(regs) ((regs)->r10)
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_NUMBER(regs) ((__u64)(__s64)(regs)->syscallno)
#define SYSCALL_ARG1(regs) ((regs)->orig_x0)
#define SYSCALL_ARG2(regs) ((regs)->regs[1])
#define SYSCALL_ARG3(regs) ((regs)->regs[2])
#define SYSCALL_ARG4(regs) ((regs)->regs[3])
#else
#error "system call registers of this architecture are not known"
#endif

/* Distance of a task's user registers from the start of its kernel stack, the same for all tasks; 0: not yet known. */
__u32 registers_offset SEC(".data");

/*
 * User registers of a task. Where the kernel has typed loads, the helper is called once: where returns are guarded against
 * speculation, a call costs 15 ns, as much as everything else that a blocked reason takes.
 */
static __always_inline struct pt_regs *registers_of(struct task_struct *task)
{
	struct pt_regs *registers;

	if (bpf_rdonly_cast && registers_offset)
		return typed(struct pt_regs, (__u64)task->stack + registers_offset);
	registers = (struct pt_regs *)bpf_task_pt_regs(task);
	registers_offset = lower_half(registers) - lower_half(task->stack);
	return registers;
}

enum waits {
	WAITS_UNKNOWN,  /* does not block, or blocks for a reason not listed here */
	WAITS_READ,     /* the first argument is a file to read from */
	WAITS_WRITE,    /* the first argument is a file to write to */
	WAITS_SENDFILE, /* the first argument is the destination, the second the source file */
	WAITS_SPLICE,   /* the first argument is the source file, the third the destination */
	WAITS_FUTEX,
	WAITS_EPOLL,
	WAITS_POLL,
	WAITS_SELECT,
	WAITS_SLEEP,
	WAITS_WORK, /* a connection, a signal, a child */
	WAITS_DISK,
	WAITS_FILES, /* looks up, opens or changes a file */
	WAITS_CLOSE,
	WAITS_LOCK,
	WAITS_SEMOP,
	WAITS_IPC,
	WAITS_MEMORY, /* changes or frees the address space: its lock, or the disk */
	WAITS_AIO,
	WAITS_URING,
};

static const __u8 syscall_waits[NR_SYSCALLS] = {
	[__NR_read] = WAITS_READ,
	[__NR_readv] = WAITS_READ,
	[__NR_pread64] = WAITS_READ,
	[__NR_preadv] = WAITS_READ,
	[__NR_preadv2] = WAITS_READ,
	[__NR_recvfrom] = WAITS_READ,
	[__NR_recvmsg] = WAITS_READ,
	[__NR_recvmmsg] = WAITS_READ,
	[__NR_tee] = WAITS_READ,
	[__NR_copy_file_range] = WAITS_READ,
	[__NR_getdents64] = WAITS_READ,
	[__NR_ioctl] = WAITS_READ,

	[__NR_write] = WAITS_WRITE,
	[__NR_writev] = WAITS_WRITE,
	[__NR_pwrite64] = WAITS_WRITE,
	[__NR_pwritev] = WAITS_WRITE,
	[__NR_pwritev2] = WAITS_WRITE,
	[__NR_sendto] = WAITS_WRITE,
	[__NR_sendmsg] = WAITS_WRITE,
	[__NR_sendmmsg] = WAITS_WRITE,
	[__NR_sendfile] = WAITS_SENDFILE,
	[__NR_splice] = WAITS_SPLICE,
	[__NR_vmsplice] = WAITS_WRITE,
	[__NR_connect] = WAITS_WRITE,

	[__NR_futex] = WAITS_FUTEX,
	[__NR_futex_waitv] = WAITS_WORK, /* Wine's emulation of Windows objects: mostly events */
	[455] = WAITS_WORK,              /* futex_wait (6.7), which names no owner: may be parking */

	[__NR_epoll_pwait] = WAITS_EPOLL,
	[__NR_epoll_pwait2] = WAITS_EPOLL,
	[__NR_ppoll] = WAITS_POLL,
	[__NR_pselect6] = WAITS_SELECT,

	[__NR_nanosleep] = WAITS_SLEEP,
	[__NR_clock_nanosleep] = WAITS_SLEEP,
	[__NR_restart_syscall] = WAITS_SLEEP, /* resumes a wait with a time-out after the thread was stopped */

	[__NR_accept] = WAITS_WORK,
	[__NR_accept4] = WAITS_WORK,
	[__NR_wait4] = WAITS_WORK,
	[__NR_waitid] = WAITS_WORK,
	[__NR_clone] = WAITS_WORK, /* with CLONE_VFORK, until the child calls exec */
	[__NR_clone3] = WAITS_WORK,
	[__NR_rt_sigsuspend] = WAITS_WORK,
	[__NR_rt_sigtimedwait] = WAITS_WORK,

	[__NR_fsync] = WAITS_DISK,
	[__NR_fdatasync] = WAITS_DISK,
	[__NR_sync] = WAITS_DISK,
	[__NR_syncfs] = WAITS_DISK,
	[__NR_sync_file_range] = WAITS_DISK,
	[__NR_msync] = WAITS_DISK,
	[__NR_fallocate] = WAITS_DISK,
	[__NR_ftruncate] = WAITS_DISK,
	[__NR_io_submit] = WAITS_DISK,

	[__NR_openat] = WAITS_FILES,
	[__NR_openat2] = WAITS_FILES,
	[__NR_close] = WAITS_CLOSE,
	[__NR_dup3] = WAITS_CLOSE,
	[__NR_close_range] = WAITS_CLOSE,
	[__NR_execve] = WAITS_FILES,
	[__NR_execveat] = WAITS_FILES,
	[__NR_chdir] = WAITS_FILES,
	[__NR_lseek] = WAITS_FILES,
	[__NR_fstat] = WAITS_FILES,
	[__NR_newfstatat] = WAITS_FILES,
	[__NR_statx] = WAITS_FILES,
	[__NR_statfs] = WAITS_FILES,
	[__NR_fstatfs] = WAITS_FILES,
	[__NR_faccessat] = WAITS_FILES,
	[__NR_faccessat2] = WAITS_FILES,
	[__NR_readlinkat] = WAITS_FILES,
	[__NR_mkdirat] = WAITS_FILES,
	[__NR_mknodat] = WAITS_FILES,
	[__NR_unlinkat] = WAITS_FILES,
	[__NR_linkat] = WAITS_FILES,
	[__NR_symlinkat] = WAITS_FILES,
	[__NR_renameat] = WAITS_FILES,
	[__NR_renameat2] = WAITS_FILES,
	[__NR_fchmod] = WAITS_FILES,
	[__NR_fchmodat] = WAITS_FILES,
	[__NR_fchown] = WAITS_FILES,
	[__NR_fchownat] = WAITS_FILES,
	[__NR_utimensat] = WAITS_FILES,
	[__NR_truncate] = WAITS_FILES,
	[__NR_setxattr] = WAITS_FILES,
	[__NR_fsetxattr] = WAITS_FILES,
	[__NR_getxattr] = WAITS_FILES,
	[__NR_fgetxattr] = WAITS_FILES,
	[__NR_listxattr] = WAITS_FILES,
	[__NR_flistxattr] = WAITS_FILES,
	[__NR_removexattr] = WAITS_FILES,
	[__NR_inotify_add_watch] = WAITS_FILES,
	[__NR_fadvise64] = WAITS_FILES,
	[__NR_readahead] = WAITS_FILES,

	[__NR_flock] = WAITS_LOCK,
	[__NR_fcntl] = WAITS_LOCK,
	[__NR_semop] = WAITS_SEMOP,
	[__NR_semtimedop] = WAITS_SEMOP,

	[__NR_msgrcv] = WAITS_IPC,
	[__NR_msgsnd] = WAITS_IPC,
	[__NR_mq_timedreceive] = WAITS_IPC,
	[__NR_mq_timedsend] = WAITS_IPC,

	[__NR_mmap] = WAITS_MEMORY,
	[__NR_munmap] = WAITS_MEMORY,
	[__NR_mprotect] = WAITS_MEMORY,
	[__NR_mremap] = WAITS_MEMORY,
	[__NR_madvise] = WAITS_MEMORY,
	[__NR_brk] = WAITS_MEMORY,
	[__NR_mlock] = WAITS_MEMORY,
	[__NR_mlock2] = WAITS_MEMORY,
	[__NR_mlockall] = WAITS_MEMORY,
	[__NR_process_madvise] = WAITS_MEMORY,
	[__NR_exit] = WAITS_MEMORY, /* frees the address space */
	[__NR_exit_group] = WAITS_MEMORY,

	[__NR_io_getevents] = WAITS_AIO,
	[__NR_io_pgetevents] = WAITS_AIO,
	[__NR_io_uring_enter] = WAITS_URING,

/* System calls that newer architectures do not have. */
#ifdef __NR_epoll_wait
	[__NR_epoll_wait] = WAITS_EPOLL,
	[__NR_poll] = WAITS_POLL,
	[__NR_select] = WAITS_SELECT,
	[__NR_pause] = WAITS_WORK,
	[__NR_getdents] = WAITS_READ,
	[__NR_vfork] = WAITS_WORK,
	[__NR_dup2] = WAITS_CLOSE,
	[__NR_open] = WAITS_FILES,
	[__NR_creat] = WAITS_FILES,
	[__NR_stat] = WAITS_FILES,
	[__NR_lstat] = WAITS_FILES,
	[__NR_access] = WAITS_FILES,
	[__NR_readlink] = WAITS_FILES,
	[__NR_mkdir] = WAITS_FILES,
	[__NR_rmdir] = WAITS_FILES,
	[__NR_unlink] = WAITS_FILES,
	[__NR_link] = WAITS_FILES,
	[__NR_symlink] = WAITS_FILES,
	[__NR_rename] = WAITS_FILES,
	[__NR_chmod] = WAITS_FILES,
	[__NR_chown] = WAITS_FILES,
#endif
};

#endif

/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Bounds and layouts that the stack sampler shares with user space. */
#ifndef KERNSCALE_PROFILE_H
#define KERNSCALE_PROFILE_H

/* PERF_MAX_STACK_DEPTH, which the kernel walks by default (kernel.perf_event_max_stack). */
#define MAX_FRAMES 127
#define MAX_COMM 16
#define MAX_MAPPED_PATH 512
/* KSYM_NAME_LEN is 512 since Linux 6.1, and a module's name adds up to 58 bytes. */
#define MAX_KERNEL_NAME 640
/* Kernel addresses named in one pass; containers in one profile. */
enum profile_bound { MAX_ADDRESSES = 1024, MAX_PROFILED = 256 };

/* `frames` holds the kernel's frames, directly followed by the user's, each innermost first. */
struct stack_sample {
	unsigned long long cgroup; /* profiled cgroup; the thread may be in a descendant */
	unsigned int pid;
	unsigned int tid;
	char comm[MAX_COMM];
	unsigned int kernel_frames;
	unsigned int user_frames;
	unsigned long long frames[2 * MAX_FRAMES];
};

/* An executable mapping. `path_size` bytes of path follow, including the terminating zero. */
struct mapping {
	unsigned long long start;
	unsigned long long end;
	unsigned long long offset; /* of `start` in the file, in bytes */
	unsigned long long inode;  /* 0: no file */
	unsigned int device;       /* kernel dev_t: 12 bits major, 20 bits minor */
	unsigned int pid;
	unsigned int path_size;
	unsigned int reserved;
};

#endif

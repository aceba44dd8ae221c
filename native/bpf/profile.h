/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the stack sampler writes and the user side reads. */
#ifndef KERNSCALE_PROFILE_H
#define KERNSCALE_PROFILE_H

/* PERF_MAX_STACK_DEPTH: the kernel walks no further, unless kernel.perf_event_max_stack says otherwise. */
#define MAX_FRAMES 127
#define MAX_COMM 16
#define MAX_MAPPED_PATH 512
/* KSYM_NAME_LEN is 512 since Linux 6.1, and a module's name adds up to 58. */
#define MAX_KERNEL_NAME 640
/* Kernel addresses named in one pass, and containers in one profile. */
#define MAX_ADDRESSES 1024
#define MAX_PROFILED 256

/* The frames follow each other without a gap, innermost first: the kernel's, then the user's. */
struct stack_sample {
	unsigned long long cgroup; /* as it was asked for: the thread may be in a child of it */
	unsigned int pid;
	unsigned int tid;
	char comm[MAX_COMM];
	unsigned int kernel_frames;
	unsigned int user_frames;
	unsigned long long frames[2 * MAX_FRAMES];
};

/* An executable mapping; `path_size` bytes of path follow, their terminating zero included. */
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

// SPDX-License-Identifier: Apache-2.0
/*
 * Drops capabilities that only loading and attaching needed. Capabilities belong to threads, and only a thread itself
 * can drop its own. The threads of V8 and libuv exist before the programs are loaded, so a signal interrupts each of
 * them to do it, as glibc does for setuid(2). It is the same signal, the only one that no thread can have blocked:
 * pthread_sigmask leaves it out, and Node.js blocks all others in one thread.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "kernscale.skel.h"
#include "napi.h"

#define SIGSETXID 33 /* nptl/internal-signals.h */

enum {
	POLL_US = 50,
	MAX_POLLS = 40000, /* two seconds */
	MAX_PASSES = 8,    /* a new thread inherits capabilities from one that may not have been reached yet */
};

/* As rt_sigaction(2) takes it on x86-64 and arm64; glibc's sigaction refuses this signal. */
struct kernel_sigaction {
	void (*handler)(int signal, siginfo_t *info, void *context);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static _Atomic uint64_t keep;    /* capabilities that stay, as bits */
static atomic_int last_confined; /* thread that has confined itself last */

/* Runs in signal handlers: system calls only. Failures show in the thread's status, which the caller reads. */
static void confine_this_thread(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
	const uint64_t kept = atomic_load(&keep);

	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		prctl(PR_CAPBSET_DROP, capability);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		data[i].permitted = data[i].effective = (uint32_t)(kept >> (32 * i));
	syscall(SYS_capset, &header, data);
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
	const int saved = errno;

	(void)signal;
	(void)context;
	if (info->si_code == SI_TKILL && info->si_pid == getpid()) {
		confine_this_thread();
		atomic_store(&last_confined, gettid());
	}
	errno = saved;
}

static void *try_without(void *map)
{
	uint64_t cgroup = 0, slot;

	confine_this_thread();
	errno = 0;
	if (bpf_map_lookup_elem(*(int *)map, &cgroup, &slot) && errno == EPERM)
		return (void *)1;
	return NULL;
}

/*
 * Capabilities that reading maps needs. Before Linux 5.19 (c8644cd0efe7) kernel.unprivileged_bpf_disabled forbids all
 * of bpf(2) without CAP_BPF, even for open maps. A thread started for the purpose tries it.
 */
static uint64_t needed_to_read(const struct session *session)
{
	int map = bpf_map__fd(session->skeleton->maps.slots);
	void *refused = (void *)1;
	pthread_t thread;

	atomic_store(&keep, 0);
	if (!pthread_create(&thread, NULL, try_without, &map))
		pthread_join(thread, &refused);
	return refused ? 1ULL << CAP_BPF : 0;
}

static bool is_confined(pid_t thread)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/status", thread);
	return !(status_mask(path, "CapPrm") & ~atomic_load(&keep)) && status_mask(path, "NoNewPrivs");
}

static bool is_gone(pid_t thread)
{
	return syscall(SYS_tgkill, getpid(), thread, 0) && errno == ESRCH;
}

/* False if the thread does not confine itself in time. */
static bool confine(pid_t thread)
{
	atomic_store(&last_confined, 0);
	if (thread == gettid()) {
		confine_this_thread();
		return true;
	}
	syscall(SYS_tgkill, getpid(), thread, SIGSETXID);
	for (int polls = 0; polls < MAX_POLLS; polls++) {
		if (atomic_load(&last_confined) == thread || is_gone(thread))
			return true;
		usleep(POLL_US);
	}
	return false;
}

/* Confines all threads that are not confined yet. Returns their number, or -1 and the thread that stays unconfined. */
static int confine_all(pid_t *stubborn)
{
	DIR *threads = opendir("/proc/self/task");
	struct dirent *entry;
	int count = 0;

	*stubborn = 0;
	if (!threads)
		return -1;
	while (count >= 0 && (entry = readdir(threads))) {
		pid_t thread = atoi(entry->d_name);

		if (thread <= 0 || is_gone(thread) || is_confined(thread))
			continue;
		count++;
		if (confine(thread) && (is_gone(thread) || is_confined(thread)))
			continue;
		*stubborn = thread;
		count = -1;
	}
	closedir(threads);
	return count;
}

/*
 * Leaves every thread of the process without capabilities, without a bounding set (where CAP_SETPCAP allows) and with
 * no_new_privs. `*kept` is what reading the maps needs on this kernel, and what the process has of `wanted`. False and
 * `failure` if a thread keeps more.
 */
static bool drop_privileges(const struct session *session, uint64_t wanted, uint64_t *kept, struct failure *failure)
{
	struct kernel_sigaction before, ours;
	int found = -1;
	pid_t stubborn = 0;

	*kept = (needed_to_read(session) | wanted) & status_mask("/proc/thread-self/status", "CapPrm");
	atomic_store(&keep, *kept);
	/* Our action copies the flags and the restorer of glibc's own, which is restored afterwards. */
	if (!syscall(SYS_rt_sigaction, SIGSETXID, NULL, &before, sizeof(before.mask))) {
		ours = before;
		ours.handler = on_signal;
		syscall(SYS_rt_sigaction, SIGSETXID, &ours, NULL, sizeof(ours.mask));
		for (int pass = 0; found && !stubborn && pass < MAX_PASSES; pass++)
			found = confine_all(&stubborn);
		syscall(SYS_rt_sigaction, SIGSETXID, &before, NULL, sizeof(before.mask));
	}
	if (stubborn)
		fail(failure, "PRIVILEGES_KEPT", "thread %d of this process does not drop its capabilities", stubborn);
	else if (found)
		fail(failure, "PRIVILEGES_KEPT", "cannot reach every thread of this process to drop its capabilities");
	return !found;
}

/* (handle, capabilities to keep, as bits): returns those that stay, as bits. */
napi_value drop_capabilities(napi_env env, napi_callback_info info)
{
	napi_value values[2], result;
	struct failure failure = {};
	struct session *session = session_argument(env, info, 2, values);
	uint64_t wanted, kept;
	bool lossless;

	if (!session)
		return NULL;
	CHECK(napi_get_value_bigint_uint64(env, values[1], &wanted, &lossless));
	if (!drop_privileges(session, wanted, &kept, &failure))
		return throw(env, failure.code, failure.message);
	CHECK(napi_create_bigint_uint64(env, kept, &result));
	return result;
}

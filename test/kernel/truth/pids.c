/*
 * pids reuse TIMES SECONDS: after a line on standard input, runs TIMES processes one after the other, all with one pid,
 * each of which measures its lifetime; prints `lived` and the sum.
 * pids collide DISTANCE: two processes that sleep, DISTANCE pids apart; a line on standard input ends the older one.
 * pids exec: after a line on standard input, a thread other than the first executes this program again, which sleeps.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "truth.h"

enum { TRIES = 100 };

/* Returns like fork(); -1 with EEXIST if the pid is taken. */
static pid_t fork_as(pid_t pid)
{
	struct clone_args arguments = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};

	return syscall(SYS_clone3, &arguments, sizeof(arguments));
}

/* A pid that was just in use and is free. */
static pid_t free_pid(void)
{
	pid_t pid = check(fork(), "fork");

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid;
}

static void live(double born, double seconds, double *lived)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	reset_priority();
	burn_seconds(seconds / 10);
	while (now_seconds() < born + seconds)
		sleep_seconds(0.01);
	raise_priority();
	*lived += now_seconds() - born;
	_exit(0);
}

static void reuse(int times, double seconds)
{
	double *lived = mmap(NULL, sizeof(*lived), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = free_pid();

	raise_priority();
	ready(pid);
	await_line();
	*lived = 0;
	for (int i = 0; i < times; i++) {
		double born = now_seconds();

		if (!check(fork_as(pid), "clone3"))
			live(born, seconds, lived);
		waitpid(pid, NULL, 0);
		/* It may still leave its CPU; the kernel itself reuses a pid only after all others. */
		sleep_seconds(0.01);
	}
	printf("lived %.6f\n", *lived);
	fflush(stdout);
	await_line();
}

static void wait_forever(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static void collide(pid_t distance)
{
	for (int try = 0; try < TRIES; try++) {
		pid_t pid = check(fork(), "fork"), other;

		if (!pid)
			wait_forever();
		other = fork_as(pid + distance);
		if (!other)
			wait_forever();
		if (other > 0) {
			ready(pid);
			await_line();
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			printf("ended %d\n", pid);
			fflush(stdout);
			wait_forever();
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	die("no two pids %d apart", distance);
}

static void *exec_again(void *argument)
{
	(void)argument;
	execl("/proc/self/exe", "pids", "sleep", NULL);
	die("exec");
}

static void exec_in_thread(void)
{
	pthread_t thread;

	ready(0);
	await_line();
	if (pthread_create(&thread, NULL, exec_again, NULL))
		die("pthread_create");
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	if (argc == 4 && is_mode(argv[1], "reuse"))
		reuse(atoi(argv[2]), atof(argv[3]));
	else if (argc == 3 && is_mode(argv[1], "collide"))
		collide(atoi(argv[2]));
	else if (argc == 2 && is_mode(argv[1], "exec"))
		exec_in_thread();
	else if (argc == 2 && is_mode(argv[1], "sleep"))
		sleep_seconds(3600);
	else
		return 2;
	return 0;
}

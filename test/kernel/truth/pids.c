/*
 * pids reuse TIMES SECONDS: after a line on standard input, TIMES processes one after the other, all with one pid,
 * each of which knows how long it lived; prints `lived` and their seconds together.
 * pids collide DISTANCE: two processes that sleep, DISTANCE pids apart; a line on standard input ends the older one.
 * pids exec: after a line on standard input, a thread that is not the first starts this program anew, which sleeps.
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

/* Answers as fork() does; -1 with EEXIST when that pid is taken. */
static pid_t fork_as(pid_t pid)
{
	struct clone_args arguments = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};

	return syscall(SYS_clone3, &arguments, sizeof(arguments));
}

/* A pid that the kernel gave away a moment ago, and that nobody has now. */
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
	relax();
	burn_seconds(seconds / 10);
	while (now_seconds() < born + seconds)
		sleep_seconds(0.01);
	hurry();
	*lived += now_seconds() - born;
	_exit(0);
}

static void reuse(int times, double seconds)
{
	double *lived = mmap(NULL, sizeof(*lived), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = free_pid();

	hurry();
	ready(pid);
	be_told();
	*lived = 0;
	for (int i = 0; i < times; i++) {
		double born = now_seconds();

		if (!check(fork_as(pid), "clone3"))
			live(born, seconds, lived);
		waitpid(pid, NULL, 0);
		/* It may be on its CPU for the last time still: the kernel itself gives all other pids away in between. */
		sleep_seconds(0.01);
	}
	printf("lived %.6f\n", *lived);
	fflush(stdout);
	be_told();
}

static void wait_for_the_end(void)
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
			wait_for_the_end();
		other = fork_as(pid + distance);
		if (!other)
			wait_for_the_end();
		if (other > 0) {
			ready(pid);
			be_told();
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			printf("ended %d\n", pid);
			fflush(stdout);
			wait_for_the_end();
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	die("no two pids %d apart", distance);
}

static void *start_anew(void *argument)
{
	(void)argument;
	execl("/proc/self/exe", "pids", "sleep", NULL);
	die("exec");
}

static void exec_elsewhere(void)
{
	pthread_t thread;

	ready(0);
	be_told();
	if (pthread_create(&thread, NULL, start_anew, NULL))
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
		exec_elsewhere();
	else if (argc == 2 && is_mode(argv[1], "sleep"))
		sleep_seconds(3600);
	else
		return 2;
	return 0;
}

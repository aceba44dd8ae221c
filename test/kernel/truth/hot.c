/*
 * hot user | kernel: computes, three quarters of the time in heavy() and one quarter in light(); or reads random numbers
 * from the kernel.
 */
#include <fcntl.h>
#include <string.h>

#include "truth.h"

static volatile unsigned long work;

static __attribute__((noinline)) void heavy(void)
{
	for (int i = 0; i < 3000000; i++)
		work = work + 1;
}

static __attribute__((noinline)) void light(void)
{
	for (int i = 0; i < 1000000; i++)
		work = work + 1;
}

static __attribute__((noinline)) void compute(void)
{
	heavy();
	light();
	work = 0; /* prevents a tail call, so that compute() stays on the stack */
}

int main(int argc, char **argv)
{
	const int random = open("/dev/urandom", O_RDONLY);
	char bytes[64 * 1024];

	ready(0);
	for (;;) {
		if (argc > 1 && !strcmp(argv[1], "kernel"))
			work = read(random, bytes, sizeof(bytes));
		else
			compute();
	}
}

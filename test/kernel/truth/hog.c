/* hog: on every CPU, computes for 8 ms before all other programs, then sleeps for 1 to 5 ms, and so on. */
#define _GNU_SOURCE
#include "truth.h"

int main(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	raise_priority();
	for (long i = 1; i < cpus; i++)
		if (!check(fork(), "fork"))
			break;
	ready(0);
	srandom(getpid());
	for (;;) {
		burn_seconds(0.008);
		sleep_seconds(0.001 + 0.004 * random() / RAND_MAX);
	}
}

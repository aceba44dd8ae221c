/* SPDX-License-Identifier: Apache-2.0 */
/* A clock on each CPU, at whose ticks a program runs. */
#ifndef KERNSCALE_CLOCKS_H
#define KERNSCALE_CLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpf_link;
struct bpf_program;

struct clocks {
	struct bpf_link **links; /* one per CPU that is online */
	int *events;             /* their perf events, owned by the links */
	size_t count;
};

/* Sets the clocks up, ticking or not. 0, or -errno and there is none. */
int clocks_open(struct clocks *clocks, struct bpf_program *program, uint32_t hz, bool on);

/* Lets them tick, or stops them. 0 or -errno. */
int clocks_run(const struct clocks *clocks, bool on);

void clocks_close(struct clocks *clocks);

#endif

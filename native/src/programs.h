/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs of a BPF object as data, and their status: each belongs to a probe, and has a list of metrics that are
 * missing or incomplete without it. A program that the kernel refuses, at load or at attach, is omitted on its own.
 */
#ifndef KERNSCALE_PROGRAMS_H
#define KERNSCALE_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bpf/layout.h"
#include "failure.h"

struct bpf_link;
struct bpf_object_skeleton;
struct bpf_program;

#define MAX_PROGRAMS 24

struct program {
	const char *name;
	enum probe_name probe;
	bool always;            /* keeps the thread records, which every probe uses */
	bool events;            /* loaded if cgroup events are enabled */
	const char *tracepoint; /* NULL: not a tracepoint */
	const char
		*fallback_for; /* program that this one replaces on kernels that lack its hook or refuse to load it */
	int (*attach)(void *owner, struct bpf_program *program); /* 0 or -errno; NULL: as its section says */
	const char *loss;                                        /* metrics that are missing or incomplete without it */
};

/* A member of a kernel type that an attached program reads where there is one. */
struct member {
	const char *program;
	const char *type, *name;
	const char *other_type, *other_name; /* equivalent on other kernels */
	const char *loss;
};

struct program_status {
	const struct program *program;
	const struct member *missing; /* member that this kernel lacks, or NULL */
	bool wanted;
	bool attached;
	bool locked_down;     /* refused by the kernel's lockdown */
	const uint64_t *cost; /* run time as the program measures it; NULL until program_stats.c finds it */
	char detail[512];
};

/* The programs of one object. After load, without fallbacks that are not needed. */
struct programs {
	struct program_status status[MAX_PROGRAMS];
	size_t count;
};

/* An object, which is opened anew for each attempt to load it. */
struct object {
	/* Opens and configures the object, except for the choice of programs. NULL and errno on error. */
	struct bpf_object_skeleton *(*open)(void *owner);
	/* Closes the object if it is open. */
	void (*close)(void *owner);
};

/* probe_programs.c */
extern const struct program probe_programs[];
extern const size_t nr_probe_programs;
extern const struct member probe_members[];
extern const size_t nr_probe_members;

/* Adds a program, which is wanted unless it is a fallback. */
void programs_add(struct programs *programs, const struct program *program);

/*
 * Omits a program, and records the reason and the loss in its status. Before load, its fallback becomes wanted instead.
 */
void programs_omit(struct programs *programs, struct program_status *status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Loads the wanted programs except those that the kernel refuses. False and `failure` if it refuses the object. */
bool programs_load(struct programs *programs, const struct object *object, void *owner, struct failure *failure);

/* Attaches the loaded programs except those that the kernel refuses, and reports limits of the attached ones. */
void programs_attach(struct programs *programs, const struct bpf_object_skeleton *skeleton, void *owner);

/* Returns NULL if there is no program of that name. */
struct program_status *program_status(struct programs *programs, const char *name);
bool program_attached(struct programs *programs, const char *name);

/* CPU-clock perf events, one per online CPU, that run a sampling program. */
struct cpu_clocks {
	struct bpf_link **links;
	int *events; /* descriptors, owned by the links */
	size_t count;
};

/* Attaches the program to a clock on each CPU, enabled or not. Returns 0, or -errno after it has closed all clocks. */
int cpu_clocks_open(struct cpu_clocks *clocks, struct bpf_program *program, uint32_t hz, bool enabled);

/* Starts or stops the clocks. Returns 0 or -errno. */
int cpu_clocks_enable(const struct cpu_clocks *clocks, bool enabled);

void cpu_clocks_close(struct cpu_clocks *clocks);

#endif

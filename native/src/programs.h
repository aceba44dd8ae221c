/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The programs of a BPF object, as data, and what becomes of each: which probe it belongs to, what it needs of the
 * kernel, what is lost without it. A program that a kernel refuses, at loading or at attaching, costs what it gives and
 * nothing else.
 */
#ifndef KERNSCALE_PROGRAMS_H
#define KERNSCALE_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

struct bpf_object_skeleton;
struct bpf_program;
struct member;

/* In the order of PROBES in ../types.ts; what takes profiles is not among them, and comes after. */
enum probe { PROBE_SCHEDULER, PROBE_BLOCKIO, PROBE_SAMPLING, PROBE_TCP, NR_PROBES, PROBE_PROFILE = NR_PROBES };

#define MAX_PROGRAMS 24

struct program {
	const char *name;
	enum probe probe;
	bool always;            /* keeps what every probe builds on: the threads */
	bool events;            /* wanted when cgroup events are */
	const char *tracepoint; /* NULL: not a tracepoint */
	const char *instead_of; /* the program whose work it does on a kernel that does not take that one */
	int (*attach)(void *owner, struct bpf_program *program); /* 0 or -errno; NULL: as its section says */
	const char *absent;                                      /* what is lost without it, by name */
};

struct program_status {
	const struct program *program;
	const struct member *member; /* that the kernel lacks; NULL: it can tell everything */
	bool wanted;
	bool attached;
	const uint64_t *cost; /* what it takes, as it counts that itself; NULL: not looked for yet */
	char detail[512];
};

/* Those of one object. Once it is loaded, one of several that do the same work. */
struct programs {
	struct program_status status[MAX_PROGRAMS];
	size_t count;
};

/* An object that is opened again for each try to load it. */
struct object {
	/* Opens it, all set but for the choice of programs. NULL and errno on error. */
	struct bpf_object_skeleton *(*open)(void *owner);
	/* Closes what was opened, if anything was. */
	void (*close)(void *owner);
};

/* Puts a program on the list. It is wanted unless another is preferred. */
void programs_add(struct programs *programs, const struct program *program);

/*
 * Does without a program, and notes why and what is lost. Before the object is loaded, another that does the same work
 * becomes wanted in its place.
 */
void programs_leave_out(struct programs *programs, struct program_status *status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Loads the wanted programs, all but those that the kernel refuses. False and `failure`: it takes none at all. */
bool programs_load(struct programs *programs, const struct object *object, void *owner, struct failure *failure);

/* Attaches what was loaded, without what the kernel refuses. */
void programs_attach(struct programs *programs, const struct bpf_object_skeleton *skeleton, void *owner);

/* What became of a program; NULL when there is none of that name. */
struct program_status *program_status(struct programs *programs, const char *name);
bool program_attached(struct programs *programs, const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of the probes. */
#ifndef KERNSCALE_PROBE_PROGRAMS_H
#define KERNSCALE_PROBE_PROGRAMS_H

#include "programs.h"

/* A member of a kernel type without which an attached program can tell less. */
struct member {
	const char *program;
	const char *type, *name;
	const char *other_type, *other_name; /* not needed by a kernel that has this one */
	const char *absent;
};

extern const struct program probe_programs[];
extern const size_t nr_probe_programs;
extern const struct member members[];
extern const size_t nr_members;

#endif

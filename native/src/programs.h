/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of the object, as data: which probe each belongs to and what it needs of the kernel. */
#ifndef KERNSCALE_PROGRAMS_H
#define KERNSCALE_PROGRAMS_H

#include "session.h"

struct program {
	const char *name;
	enum probe probe;
	bool always;            /* keeps what every probe builds on: the threads */
	bool events;            /* wanted when cgroup events are */
	const char *tracepoint; /* NULL: not a tracepoint */
	const char *instead_of; /* does the same work where this tracepoint does not exist */
	const char *absent;     /* what is lost without it, by the name of the metric */
};

/* A member of a kernel type without which an attached program can tell less. */
struct member {
	const char *program;
	const char *type, *name;
	const char *other_type, *other_name; /* not needed by a kernel that has this one */
	const char *absent;
};

extern const struct program programs[];
extern const struct member members[];
extern const size_t nr_members;
extern const size_t nr_programs;

/* What became of a program; NULL when there is none of that name. */
struct program_status *program_status(struct session *session, const char *name);
bool program_attached(struct session *session, const char *name);
/* Notes why a program is absent, and what is lost. */
void tell_absence(struct program_status *status, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

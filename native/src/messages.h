/* SPDX-License-Identifier: Apache-2.0 */
/* libbpf's messages, kept until the JavaScript side fetches them; none is printed, none is lost. */
#ifndef KERNSCALE_MESSAGES_H
#define KERNSCALE_MESSAGES_H

#include <stddef.h>

struct message {
	int level; /* enum libbpf_print_level */
	char *text;
};

/* Takes over libbpf's output. Not reentrant: the addon runs on one thread. */
void messages_capture(void);
size_t messages_count(void);
const struct message *messages_at(size_t index);
/* The program that libbpf last named in a warning, or NULL: how it says which one failed to load. */
const char *messages_failed_program(size_t from);
/* The last warning, for an error's detail; never NULL. */
const char *messages_last_warning(void);
void messages_clear(void);

#endif

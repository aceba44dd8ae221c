/* SPDX-License-Identifier: Apache-2.0 */
/* libbpf's messages, stored until JavaScript takes them. None is printed. */
#ifndef KERNSCALE_MESSAGES_H
#define KERNSCALE_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>

struct message {
	int level; /* enum libbpf_print_level */
	char *text;
};

/* Redirects libbpf's output. Not reentrant: the addon runs on one thread. */
void messages_capture(void);
size_t messages_count(void);
const struct message *messages_at(size_t index);
/* Returns the program that libbpf's first warning from that index on blames, or NULL. */
const char *messages_failed_program(size_t from);
/* True if in a message from that index on the verifier refuses a helper whose name begins so. */
bool messages_refuse_helper(size_t from, const char *name);
/* Returns the last warning, or "". */
const char *messages_last_warning(void);
void messages_clear(void);

#endif

// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "messages.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct message *messages;
static size_t count, capacity;

static int store(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char *text;
	int length;

	if (count == capacity) {
		size_t larger = capacity ? capacity * 2 : 64;
		struct message *grown = realloc(messages, larger * sizeof(*messages));

		if (!grown)
			return 0;
		messages = grown;
		capacity = larger;
	}
	length = vasprintf(&text, format, arguments);
	if (length < 0)
		return 0;
	if (length && text[length - 1] == '\n')
		text[length - 1] = '\0';
	messages[count++] = (struct message){ .level = level, .text = text };
	return 0;
}

void messages_capture(void)
{
	libbpf_set_print(store);
}

size_t messages_count(void)
{
	return count;
}

const struct message *messages_at(size_t index)
{
	return &messages[index];
}

const char *messages_failed_program(size_t from)
{
	static char name[64];

	for (size_t i = from; i < count; i++)
		if (messages[i].level == LIBBPF_WARN && sscanf(messages[i].text, "libbpf: prog '%63[^']'", name) == 1)
			return name;
	return NULL;
}

bool messages_refuse_helper(size_t from, const char *name)
{
	/* The verifier's words, the first up to Linux 6.7 (check_helper_call in kernel/bpf/verifier.c). */
	static const char *const words[] = { "unknown func ", "program of this type cannot use helper " };
	const size_t length = strlen(name);

	for (size_t i = from; i < count; i++)
		for (size_t j = 0; j < sizeof(words) / sizeof(words[0]); j++)
			for (const char *at = messages[i].text; (at = strstr(at, words[j]));) {
				at += strlen(words[j]);
				if (!strncmp(at, name, length))
					return true;
			}
	return false;
}

const char *messages_last_warning(void)
{
	for (size_t i = count; i > 0; i--)
		if (messages[i - 1].level == LIBBPF_WARN)
			return messages[i - 1].text;
	return "";
}

void messages_clear(void)
{
	for (size_t i = 0; i < count; i++)
		free(messages[i].text);
	count = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KERNSCALE_FAILURE_H
#define KERNSCALE_FAILURE_H

#include <stdarg.h>
#include <stdio.h>

/* Error of an operation: a stable code, and a sentence with the cause and the remedy. */
struct failure {
	const char *code; /* a string constant; NULL: no failure */
	char message[1024];
};

static inline __attribute__((format(printf, 3, 4))) void fail(struct failure *failure, const char *code,
							      const char *format, ...)
{
	va_list arguments;

	failure->code = code;
	va_start(arguments, format);
	vsnprintf(failure->message, sizeof(failure->message), format, arguments);
	va_end(arguments);
}

#endif

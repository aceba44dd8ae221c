/* SPDX-License-Identifier: Apache-2.0 */
/* Why something was refused, in one sentence and a stable code. */
#ifndef KERNSCALE_FAILURE_H
#define KERNSCALE_FAILURE_H

struct failure {
	const char *code; /* a string constant; NULL: no failure */
	char message[1024];
};

void fail(struct failure *failure, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif

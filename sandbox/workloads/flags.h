/* The command lines of both programs. */
#pragma once

#include <stdint.h>

enum flag_type {
	FLAG_TEXT,
	FLAG_COUNT,
	FLAG_DURATION, /* 250us, 10ms, 2s, 1m; kept in nanoseconds */
	FLAG_SWITCH,   /* takes no value; sets 1 */
};

struct flag {
	const char *name;
	const char *help;
	enum flag_type type;
	union {
		const char **text;
		int64_t *number;
	};
};

/* Prints the program's name and one sentence on standard error, and exits with status 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Sets the flags in argv (`--name value`, `--name=value`). The array ends with a flag without a name.
 * Returns the only argument that is not a flag, or NULL. Dies on anything else.
 */
const char *parse_flags(int argc, char **argv, const struct flag *flags);

void print_flags(const struct flag *flags);

#define _GNU_SOURCE
#include "flags.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void die(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static int64_t parse_count(const struct flag *flag, const char *text)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < 1)
		die("--%s must be a whole number above zero, not \"%s\"", flag->name, text);
	return value;
}

static int64_t parse_duration(const struct flag *flag, const char *text)
{
	static const struct {
		const char *name;
		double nanoseconds;
	} units[] = { { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 } };
	char *end;
	double value = strtod(text, &end);

	for (size_t i = 0; end != text && value >= 0 && i < sizeof(units) / sizeof(units[0]); i++) {
		/* More than a day is a mistake, and int64_t must not overflow. */
		if (strcmp(end, units[i].name) == 0 && value * units[i].nanoseconds <= 86400e9)
			return (int64_t)(value * units[i].nanoseconds);
	}
	die("--%s must be a duration like 250us, 10ms or 2s, not \"%s\"", flag->name, text);
}

static void set_flag(const struct flag *flag, const char *value)
{
	switch (flag->type) {
	case FLAG_TEXT:
		*flag->text = value;
		break;
	case FLAG_COUNT:
		*flag->number = parse_count(flag, value);
		break;
	case FLAG_DURATION:
		*flag->number = parse_duration(flag, value);
		break;
	case FLAG_SWITCH:
		*flag->number = 1;
		break;
	}
}

static const struct flag *find_flag(const struct flag *flags, const char *name, size_t length)
{
	for (; flags->name; flags++) {
		if (strlen(flags->name) == length && strncmp(flags->name, name, length) == 0)
			return flags;
	}
	return NULL;
}

const char *parse_flags(int argc, char **argv, const struct flag *flags)
{
	const char *operand = NULL;

	for (int i = 0; i < argc; i++) {
		const char *name = argv[i] + 2;
		const char *value = strchr(argv[i], '=');
		const struct flag *flag;

		if (strncmp(argv[i], "--", 2) != 0) {
			if (operand)
				die("unexpected argument \"%s\"; --help lists the flags", argv[i]);
			operand = argv[i];
			continue;
		}
		flag = find_flag(flags, name, value ? (size_t)(value - name) : strlen(name));
		if (!flag || (value && flag->type == FLAG_SWITCH))
			die("unknown flag \"%s\"; --help lists the flags", argv[i]);
		if (flag->type == FLAG_SWITCH)
			value = "";
		else if (value)
			value++;
		else if (++i < argc)
			value = argv[i];
		else
			die("--%s needs a value", flag->name);
		set_flag(flag, value);
	}
	return operand;
}

void print_flags(const struct flag *flags)
{
	for (; flags->name; flags++)
		printf("  --%-24s %s\n", flags->name, flags->help);
}

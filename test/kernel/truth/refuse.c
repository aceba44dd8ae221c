// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded library that refuses BPF programs as a kernel may. $REFUSE_LOAD lists programs that cannot be loaded,
 * separated by commas; $REFUSE_ATTACH lists programs that can be neither attached nor run. Each call reads both anew.
 * $REFUSE_ALL refuses bpf(2) as a whole, as a seccomp profile does.
 * $REFUSE_LOG is what the verifier says about a program that cannot be loaded; without it, the kernel lacks permission.
 * libbpf calls bpf(2) through libc's syscall(), which this library replaces.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

typedef long (*system_call)(long number, ...);

static system_call next(void)
{
	static system_call found;

	if (!found)
		found = (system_call)dlsym(RTLD_NEXT, "syscall");
	return found;
}

/* The kernel keeps the first 15 characters of a program's name. */
static bool is_named(const char *variable, const char *program)
{
	const size_t known = BPF_OBJ_NAME_LEN - 1, length = strnlen(program, known);
	const char *names = getenv(variable);

	while (names && *names) {
		const size_t full = strcspn(names, ",");

		if ((full < known ? full : known) == length && !strncmp(names, program, length))
			return length;
		names += full + (names[full] == ',');
	}
	return false;
}

static bool is_named_by_descriptor(const char *variable, int program)
{
	struct bpf_prog_info info = {};
	union bpf_attr attr = {
		.info = { .bpf_fd = program, .info_len = sizeof(info), .info = (unsigned long)&info },
	};

	return !next()(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) && is_named(variable, info.name);
}

static bool is_refused(long command, const union bpf_attr *attr)
{
	if (getenv("REFUSE_ALL"))
		return true;
	switch (command) {
	case BPF_PROG_LOAD:
		return is_named("REFUSE_LOAD", attr->prog_name);
	case BPF_LINK_CREATE:
		return is_named_by_descriptor("REFUSE_ATTACH", attr->link_create.prog_fd);
	case BPF_RAW_TRACEPOINT_OPEN:
		return is_named_by_descriptor("REFUSE_ATTACH", attr->raw_tracepoint.prog_fd);
	case BPF_PROG_TEST_RUN:
		return is_named_by_descriptor("REFUSE_ATTACH", attr->test.prog_fd);
	default:
		return false;
	}
}

static int refuse(long command, const union bpf_attr *attr)
{
	const char *log = getenv("REFUSE_LOG");

	if (command != BPF_PROG_LOAD || !log)
		return EPERM;
	if (attr->log_level)
		snprintf((char *)attr->log_buf, attr->log_size, "%s\n", log);
	return EINVAL;
}

long syscall(long number, ...)
{
	long argument[6];
	va_list arguments;

	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		argument[i] = va_arg(arguments, long);
	va_end(arguments);
	if (number == SYS_bpf && is_refused(argument[0], (const union bpf_attr *)argument[1])) {
		errno = refuse(argument[0], (const union bpf_attr *)argument[1]);
		return -1;
	}
	return next()(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
}

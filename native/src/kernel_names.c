// SPDX-License-Identifier: Apache-2.0
#include "kernel_names.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../bpf/profile.h"
#include "profile.skel.h"

int names_by_call(struct profile *skeleton, const uint64_t *addresses, uint32_t count, struct bytes *lines)
{
	const int program = bpf_program__fd(skeleton->progs.name_address);

	for (uint32_t i = 0; i < count; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, options);
		char *line = bytes_room(lines, MAX_KERNEL_NAME);
		size_t length;

		if (!line)
			return -ENOMEM;
		skeleton->bss->address = addresses[i];
		if (bpf_prog_test_run_opts(program, &options))
			return -errno;
		if ((int)options.retval < 0)
			return options.retval;
		length = strnlen(skeleton->bss->name, MAX_KERNEL_NAME - 1);
		memcpy(line, skeleton->bss->name, length);
		line[length] = '\n';
		lines->size += length + 1;
	}
	return 0;
}

static int read_all(int iterator, struct bytes *lines)
{
	enum { CHUNK = 32 * 1024 };

	for (;;) {
		char *room = bytes_room(lines, CHUNK);
		ssize_t got = room ? read(iterator, room, CHUNK) : -1;

		if (!room)
			return -ENOMEM;
		if (!got)
			return 0;
		if (got > 0)
			lines->size += got;
		else if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
}

static int list(struct profile *skeleton, const uint64_t *addresses, uint32_t count)
{
	const int map = bpf_map__fd(skeleton->maps.addresses);
	const uint64_t none = 0;

	for (uint32_t i = 0; i < MAX_ADDRESSES; i++)
		if (bpf_map_update_elem(map, &i, i < count ? &addresses[i] : &none, BPF_ANY))
			return -errno;
	return 0;
}

int names_by_iterator(struct profile *skeleton, const uint64_t *addresses, uint32_t count, struct bytes *lines)
{
	int error = list(skeleton, addresses, count);
	int iterator = error ? -1 : bpf_iter_create(bpf_link__fd(skeleton->links.list_names));

	if (iterator < 0)
		return error ?: -errno;
	error = read_all(iterator, lines);
	close(iterator);
	return error;
}

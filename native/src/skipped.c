// SPDX-License-Identifier: Apache-2.0
#include "skipped.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kernscale.skel.h"

uint64_t skipped_runs(const struct session *session)
{
	const struct bpf_object_skeleton *skeleton = session->skeleton->skeleton;
	uint64_t skipped = 0;

	for (int i = 0; i < skeleton->prog_cnt; i++) {
		int program = bpf_program__fd(*skeleton->progs[i].prog);
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);

		if (program >= 0 && !bpf_obj_get_info_by_fd(program, &info, &size))
			skipped += info.recursion_misses;
	}
	return skipped;
}

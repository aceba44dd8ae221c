// SPDX-License-Identifier: Apache-2.0
#include "costs.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#include "kernscale.skel.h"

void costs_time(struct session *session, bool on)
{
	session->skeleton->data->timing = on;
}

/* Each program has a variable named after it, by bpf/timing.h. */
static const uint64_t *find_cost(const struct session *session, const char *program)
{
	const struct btf *btf = bpf_object__btf(session->skeleton->obj);
	const int section = btf__find_by_name_kind(btf, ".data.costs", BTF_KIND_DATASEC);
	const struct btf_type *type = section < 0 ? NULL : btf__type_by_id(btf, section);
	const struct btf_var_secinfo *variables = type ? btf_var_secinfos(type) : NULL;
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "cost_%s", program);
	for (int i = 0; type && i < btf_vlen(type); i++) {
		const struct btf_type *variable = btf__type_by_id(btf, variables[i].type);

		if (!strcmp(btf__name_by_offset(btf, variable->name_off), wanted))
			return (const void *)((const char *)session->skeleton->data_costs + variables[i].offset);
	}
	return NULL;
}

bool costs_read(const struct session *session, struct program_status *program, struct program_cost *cost)
{
	const uint64_t *words = program->cost ?: find_cost(session, program->program->name);

	program->cost = words;
	if (words)
		*cost = (struct program_cost){ .runs = words[COST_RUNS], .nanoseconds = words[COST_NANOSECONDS] };
	return words;
}

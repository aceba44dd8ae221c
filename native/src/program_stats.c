// SPDX-License-Identifier: Apache-2.0
/* The programs themselves: their status, runs, run time as they measure it, and runs that the kernel skipped. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#include "kernscale.skel.h"
#include "napi.h"

uint64_t session_skipped_runs(const struct session *session)
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

/* Finds the variable that DEFINE_COST (../bpf/common.h) names after the program. */
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

napi_value list_programs(napi_env env, const struct programs *programs)
{
	napi_value result, entry, attached, locked_down;

	CHECK(napi_create_array_with_length(env, programs->count, &result));
	for (size_t i = 0; i < programs->count; i++) {
		const struct program_status *status = &programs->status[i];

		CHECK(napi_create_object(env, &entry));
		CHECK(napi_get_boolean(env, status->attached, &attached));
		CHECK(napi_set_named_property(env, entry, "attached", attached));
		CHECK(napi_get_boolean(env, status->locked_down, &locked_down));
		CHECK(napi_set_named_property(env, entry, "lockedDown", locked_down));
		if (!set_number(env, entry, "probe", status->program->probe) ||
		    !set_string(env, entry, "program", status->program->name) ||
		    !set_string(env, entry, "detail", status->detail))
			return NULL;
		CHECK(napi_set_element(env, result, i, entry));
	}
	return result;
}

/* (handle, on): every run of every program is timed while on. */
napi_value time_programs(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	struct session *session = session_argument(env, info, 2, values);
	bool on;

	if (!session)
		return NULL;
	CHECK(napi_get_value_bool(env, values[1], &on));
	session->skeleton->data->timing_enabled = on;
	return NULL;
}

/*
 * [{program, runs, seconds}...] of the attached programs, since load. Less the cost of the clock reads, so the seconds
 * of runs shorter than its variation may be negative.
 */
napi_value read_costs(napi_env env, napi_callback_info info)
{
	napi_value argument, result, entry;
	struct session *session = session_argument(env, info, 1, &argument);
	uint32_t length = 0;

	if (!session)
		return NULL;
	CHECK(napi_create_array(env, &result));
	for (size_t i = 0; i < session->programs.count; i++) {
		struct program_status *program = &session->programs.status[i];

		if (!program->attached)
			continue;
		program->cost = program->cost ?: find_cost(session, program->program->name);
		if (!program->cost)
			continue;
		CHECK(napi_create_object(env, &entry));
		if (!set_string(env, entry, "program", program->program->name) ||
		    !set_number(env, entry, "runs", program->cost[COST_RUNS]) ||
		    !set_number(env, entry, "seconds", (int64_t)program->cost[COST_NANOSECONDS] * 1e-9))
			return NULL;
		CHECK(napi_set_element(env, result, length++, entry));
	}
	return result;
}

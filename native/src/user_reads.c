// SPDX-License-Identifier: Apache-2.0
/*
 * Reads of user memory on kernels with lockdown=confidentiality, which forbids reads of kernel memory only. libbpf
 * tries bpf_probe_read_kernel, takes the refusal for a kernel before 5.5, and replaces every call of
 * bpf_probe_read_user with bpf_probe_read, which is refused as well. The section handlers of this file put the calls
 * back: libbpf runs them after the replacement, right before it loads a program.
 */
#include "user_reads.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HELPER = 0 }; /* a call's kind, beside BPF_PSEUDO_KFUNC_CALL */

static bool is_call(const struct bpf_insn *instruction, int kind)
{
	return instruction->code == (BPF_JMP | BPF_CALL) && instruction->src_reg == kind;
}

/*
 * True if the program reads kernel memory by bpf_rdonly_cast, its only kernel function, and not by a helper. Where the
 * kernel lacks the function, libbpf leaves the call without one.
 */
static bool has_typed_loads(const struct bpf_insn *instructions, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_call(&instructions[i], BPF_PSEUDO_KFUNC_CALL) && instructions[i].imm)
			return true;
	return false;
}

static int restore_calls(struct bpf_program *program, struct bpf_prog_load_opts *options, long cookie)
{
	const size_t count = bpf_program__insn_cnt(program), size = count * sizeof(struct bpf_insn);
	struct bpf_insn *restored;
	int error;

	(void)options;
	(void)cookie;
	/* Without typed loads, reads of kernel memory are among the replaced calls. */
	if (!has_typed_loads(bpf_program__insns(program), count))
		return 0;
	restored = malloc(size);
	if (!restored)
		return -ENOMEM;
	memcpy(restored, bpf_program__insns(program), size);
	for (size_t i = 0; i < count; i++)
		if (is_call(&restored[i], HELPER) && restored[i].imm == BPF_FUNC_probe_read)
			restored[i].imm = BPF_FUNC_probe_read_user;
	error = bpf_program__set_insns(program, restored, count);
	free(restored);
	return error;
}

/* This and the attachments are what libbpf's own handlers of these sections do. */
static int set_target(struct bpf_program *program, long cookie)
{
	(void)cookie;
	return bpf_program__set_attach_target(program, 0, strchr(bpf_program__section_name(program), '/') + 1);
}

static int attach_tracepoint(const struct bpf_program *program, long cookie, struct bpf_link **link)
{
	(void)cookie;
	*link = bpf_program__attach_trace(program);
	return *link ? 0 : -errno;
}

static int attach_iterator(const struct bpf_program *program, long cookie, struct bpf_link **link)
{
	(void)cookie;
	*link = bpf_program__attach_iter(program, NULL);
	return *link ? 0 : -errno;
}

/* The programs that read user memory. */
static const struct section {
	const char *name;
	enum bpf_attach_type type;
	libbpf_prog_attach_fn_t attach;
} sections[] = {
	{ "tp_btf/sched_switch", BPF_TRACE_RAW_TP, attach_tracepoint },
	{ "iter/task", BPF_TRACE_ITER, attach_iterator },
};

void user_reads_keep(void)
{
	static bool kept;

	for (size_t i = 0; !kept && i < sizeof(sections) / sizeof(sections[0]); i++) {
		LIBBPF_OPTS(libbpf_prog_handler_opts, options, .prog_setup_fn = set_target,
			    .prog_prepare_load_fn = restore_calls, .prog_attach_fn = sections[i].attach);

		libbpf_register_prog_handler(sections[i].name, BPF_PROG_TYPE_TRACING, sections[i].type, &options);
	}
	kept = true;
}

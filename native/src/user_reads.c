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

/*
 * True if the kernel has bpf_rdonly_cast (6.2). Then the verifier removes the branches in which the programs read kernel
 * memory by a helper; else those calls are among the replaced ones, and have to stay refused.
 */
static bool kernel_has_typed_loads(void)
{
	static int id;

	if (!id)
		id = libbpf_find_vmlinux_btf_id("bpf_rdonly_cast", BPF_TRACE_FENTRY);
	return id > 0;
}

static bool is_replaced(const struct bpf_insn *instruction)
{
	return instruction->code == (BPF_JMP | BPF_CALL) && !instruction->src_reg &&
	       instruction->imm == BPF_FUNC_probe_read;
}

static bool has_replaced_call(const struct bpf_program *program)
{
	for (size_t i = 0; i < bpf_program__insn_cnt(program); i++)
		if (is_replaced(&bpf_program__insns(program)[i]))
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
	if (!has_replaced_call(program) || !kernel_has_typed_loads())
		return 0;
	restored = malloc(size);
	if (!restored)
		return -ENOMEM;
	memcpy(restored, bpf_program__insns(program), size);
	for (size_t i = 0; i < count; i++)
		if (is_replaced(&restored[i]))
			restored[i].imm = BPF_FUNC_probe_read_user;
	error = bpf_program__set_insns(program, restored, count);
	free(restored);
	return error;
}

/* This and the attachments are what libbpf's own handlers do. No target: the kernel lacks the tracepoint. */
static int set_target(struct bpf_program *program, long cookie)
{
	(void)cookie;
	bpf_program__set_attach_target(program, 0, strchr(bpf_program__section_name(program), '/') + 1);
	return 0;
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

/* Sections of the programs that may read user memory. */
static const struct section {
	const char *prefix;
	enum bpf_attach_type type;
	libbpf_prog_attach_fn_t attach;
} sections[] = {
	{ "tp_btf/", BPF_TRACE_RAW_TP, attach_tracepoint },
	{ "iter/", BPF_TRACE_ITER, attach_iterator },
};

void user_reads_keep(void)
{
	static bool kept;

	for (size_t i = 0; !kept && i < sizeof(sections) / sizeof(sections[0]); i++) {
		LIBBPF_OPTS(libbpf_prog_handler_opts, options, .prog_setup_fn = set_target,
			    .prog_prepare_load_fn = restore_calls, .prog_attach_fn = sections[i].attach);

		libbpf_register_prog_handler(sections[i].prefix, BPF_PROG_TYPE_TRACING, sections[i].type, &options);
	}
	kept = true;
}

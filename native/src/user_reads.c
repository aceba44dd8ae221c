// SPDX-License-Identifier: Apache-2.0
/*
 * Reads of user memory on kernels with lockdown=confidentiality, which forbids reads of kernel memory only. libbpf
 * tries bpf_probe_read_kernel, takes the refusal for a kernel before 5.5, and replaces every call of
 * bpf_probe_read_user with bpf_probe_read, which is refused as well. The section handlers of this file put the calls
 * back: libbpf runs them after the replacement, right before it loads a program.
 */
#include "user_reads.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The kernel's type information, kept while programs are loaded. */
static struct btf *kernel;

/*
 * True if the kernel has bpf_rdonly_cast (6.2). Then the verifier removes the branches in which the programs read kernel
 * memory by a helper; else those calls are among the replaced ones, and have to stay refused.
 */
static bool kernel_has_typed_loads(void)
{
	return btf__find_by_name_kind(kernel, "bpf_rdonly_cast", BTF_KIND_FUNC) > 0;
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

static int restore_calls(struct bpf_program *program)
{
	const size_t count = bpf_program__insn_cnt(program), size = count * sizeof(struct bpf_insn);
	struct bpf_insn *restored;
	int error;

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

/* Sections of the programs that may read user memory. */
static const struct section {
	const char *prefix;
	const char *target; /* prefix of the target's type in the kernel's BTF */
	uint32_t kind;
	enum bpf_attach_type type;
	libbpf_prog_attach_fn_t attach;
} sections[2];

/* The target as libbpf's own handlers find it; without one, the kernel lacks the tracepoint or the iterator. */
static int find_target(const struct bpf_program *program, const struct section *section)
{
	char type[128];
	int id;

	if (!kernel)
		kernel = btf__load_vmlinux_btf();
	if (!kernel)
		return -errno;
	snprintf(type, sizeof(type), "%s%s", section->target,
		 bpf_program__section_name(program) + strlen(section->prefix));
	id = btf__find_by_name_kind(kernel, type, section->kind);
	return id > 0 ? id : -ESRCH;
}

static int prepare_load(struct bpf_program *program, struct bpf_prog_load_opts *options, long section)
{
	int id = find_target(program, &sections[section]);

	if (id < 0)
		return id;
	options->attach_btf_id = id;
	return restore_calls(program);
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

static const struct section sections[2] = {
	{ "tp_btf/", "btf_trace_", BTF_KIND_TYPEDEF, BPF_TRACE_RAW_TP, attach_tracepoint },
	{ "iter/", "bpf_iter_", BTF_KIND_FUNC, BPF_TRACE_ITER, attach_iterator },
};

void user_reads_keep(void)
{
	static bool kept;

	for (size_t i = 0; !kept && i < sizeof(sections) / sizeof(sections[0]); i++) {
		LIBBPF_OPTS(libbpf_prog_handler_opts, options, .cookie = i, .prog_prepare_load_fn = prepare_load,
			    .prog_attach_fn = sections[i].attach);

		libbpf_register_prog_handler(sections[i].prefix, BPF_PROG_TYPE_TRACING, sections[i].type, &options);
	}
	kept = true;
}

void user_reads_end_loading(void)
{
	btf__free(kernel);
	kernel = NULL;
}

// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "environment.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>

uint64_t status_mask(const char *path, const char *field)
{
	FILE *status = fopen(path, "re");
	const size_t length = strlen(field);
	uint64_t mask = 0;
	char line[256];

	while (status && fgets(line, sizeof(line), status)) {
		if (strncmp(line, field, length) || line[length] != ':')
			continue;
		mask = strtoull(line + length + 1, NULL, 16);
		break;
	}
	if (status)
		fclose(status);
	return mask;
}

bool environment_suffices(struct failure *failure)
{
	const uint64_t have = status_mask("/proc/self/status", "CapEff");
	const uint64_t admin = 1ULL << CAP_SYS_ADMIN;
	const uint64_t bpf = 1ULL << CAP_BPF, perfmon = 1ULL << CAP_PERFMON;
	const char *missing = NULL;

	if (!(have & (admin | bpf)))
		missing = have & (admin | perfmon) ? "CAP_BPF" : "CAP_BPF and CAP_PERFMON";
	else if (!(have & (admin | perfmon)))
		missing = "CAP_PERFMON";
	if (missing) {
		fail(failure, "NO_CAPABILITY", "%s missing: run as root, or give the process that capability", missing);
		return false;
	}
	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		fail(failure, "NO_BTF",
		     "/sys/kernel/btf/vmlinux cannot be read: run a kernel built with CONFIG_DEBUG_INFO_BTF "
		     "(every large distribution's since 2021)");
		return false;
	}
	return true;
}

uint16_t ephemeral_port_low(void)
{
	FILE *range = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned int low = 32768;

	if (range) {
		if (fscanf(range, "%u", &low) != 1)
			low = 32768;
		fclose(range);
	}
	return low;
}

bool io_controller_enabled(const char *cgroup_root)
{
	char path[512], controllers[256] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", cgroup_root);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(controllers, sizeof(controllers), file))
		controllers[0] = '\0';
	fclose(file);
	for (char *word = strtok(controllers, " \n"); word; word = strtok(NULL, " \n"))
		if (!strcmp(word, "io"))
			return true;
	return false;
}

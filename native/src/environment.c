// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "environment.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static void count_listeners_of(const char *process, const char *table, int map)
{
	char path[64], line[512];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/net/%s", process, table);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		unsigned int port, state, sockets = 0;

		if (sscanf(line, " %*d: %*[0-9A-F]:%X %*[0-9A-F]:%*X %X", &port, &state) != 2 || state != 0x0A)
			continue;
		bpf_map_lookup_elem(map, &port, &sockets);
		sockets++;
		bpf_map_update_elem(map, &port, &sockets, BPF_ANY);
	}
	if (file)
		fclose(file);
}

void count_listeners(int map)
{
	enum { MAX_NAMESPACES = 4096 };
	ino_t *seen = calloc(MAX_NAMESPACES, sizeof(*seen));
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	size_t count = 0;

	while (seen && processes && count < MAX_NAMESPACES && (entry = readdir(processes))) {
		char path[300];
		struct stat net;
		size_t i = 0;

		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || stat(path, &net))
			continue;
		while (i < count && seen[i] != net.st_ino)
			i++;
		if (i < count)
			continue;
		seen[count++] = net.st_ino;
		count_listeners_of(entry->d_name, "tcp", map);
		count_listeners_of(entry->d_name, "tcp6", map);
	}
	if (processes)
		closedir(processes);
	free(seen);
}

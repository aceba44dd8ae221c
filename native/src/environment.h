/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of the host: requirements, checked for better errors than libbpf's, and settings that probes follow. */
#ifndef KERNSCALE_ENVIRONMENT_H
#define KERNSCALE_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"

/* False and `failure` if BTF or a capability is missing. */
bool environment_suffices(struct failure *failure);

/* Value of a hexadecimal field (`CapEff`) of a /proc/.../status file; 0 if it is missing. */
uint64_t status_mask(const char *path, const char *field);

/* First port of net.ipv4.ip_local_port_range. */
uint16_t ephemeral_port_low(void);

/* True if the io controller is enabled below the root of this hierarchy, so that containers have their own blkcgs. */
bool io_controller_enabled(const char *cgroup_root);

#endif

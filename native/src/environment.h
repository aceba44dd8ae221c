/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the host that explain a failure better than libbpf would. */
#ifndef KERNSCALE_ENVIRONMENT_H
#define KERNSCALE_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "session.h"

/* False and `failure` if BTF or a capability is missing. */
bool environment_suffices(struct failure *failure);

/* Hexadecimal value of a field (`CapEff`) of a /proc/.../status file; 0 if there is none. */
uint64_t status_mask(const char *path, const char *field);

/* First port of net.ipv4.ip_local_port_range. */
uint16_t ephemeral_port_low(void);

/* True if the io controller is enabled below the root of this hierarchy: containers then have their own blkcgs. */
bool io_controller_enabled(const char *cgroup_root);

#endif

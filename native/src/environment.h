/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine offers, asked before libbpf would fail in its own words. */
#ifndef KERNSCALE_ENVIRONMENT_H
#define KERNSCALE_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "session.h"

/* False, with one sentence that says what to do, when BTF or a capability is missing. */
bool environment_suffices(struct failure *failure);

/* The hexadecimal number of a field (`CapEff`) of a /proc/.../status file; 0 when there is none. */
uint64_t status_mask(const char *path, const char *field);

/* First port of net.ipv4.ip_local_port_range. */
uint16_t ephemeral_port_low(void);

/* Whether containers of this hierarchy have blkcgs of their own: the io controller is enabled below the root. */
bool io_controller_enabled(const char *cgroup_root);

#endif

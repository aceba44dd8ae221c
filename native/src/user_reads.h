/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KERNSCALE_USER_READS_H
#define KERNSCALE_USER_READS_H

/* Keeps libbpf from replacing reads of user memory in objects opened from now on. Repeated calls do nothing. */
void user_reads_keep(void);

/* Frees what loading has needed. */
void user_reads_end_loading(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PEERS_H
#define PEERS_H

#include "tasks.h"

/* A pipe's two ends, or the listening socket that the client of `prepare_client` connects to. */
extern int channel[2];

/* A client that asks seldom: its server waits for work most of the time. */
pid_t prepare_client(void);

#endif

/* One kept-alive connection of the load generator: at most one request at a time, never blocking. */
#pragma once

#include <stdint.h>

#include "address.h"
#include "http.h"

enum client_state { CLIENT_CLOSED, CLIENT_IDLE, CLIENT_CONNECTING, CLIENT_WAITING };

struct client {
	enum client_state state;
	int fd;
	int64_t due;       /* time at which its request is due; for a closed-loop user, the next one */
	int64_t deadline;  /* time at which its request fails */
	int64_t responses; /* on this connection */
	struct http_buffer buffer;
};

struct client_target {
	struct address address;
	char host[ADDRESS_TEXT_SIZE];
	int64_t timeout_ns;
	int64_t requests_per_connection;
};

enum client_result { CLIENT_PENDING, CLIENT_OK, CLIENT_FAILED };

/* True while a request is outstanding. */
bool client_busy(const struct client *client);

/* Sends a request that was due at `due`; connects first if there is no connection. */
enum client_result client_start(struct client *client, const struct client_target *target, int64_t due);

/* Events for which to poll(2) this client's socket; 0 without a socket. */
short client_events(const struct client *client);

/* Continues after one of these events. If the server closed an idle connection, closes it silently. */
enum client_result client_continue(struct client *client, const struct client_target *target);

void client_close(struct client *client);

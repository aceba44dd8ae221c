/* One kept-alive connection of the load generator: at most one request at a time, never blocking. */
#pragma once

#include <stdint.h>

#include "address.h"
#include "http.h"

enum client_state { CLIENT_CLOSED, CLIENT_IDLE, CLIENT_CONNECTING, CLIENT_WAITING };

struct client {
	enum client_state state;
	int fd;
	int64_t due;      /* when its request was due by the schedule; for a closed-loop user, the next one */
	int64_t deadline; /* when its request has failed */
	int64_t answered; /* requests answered on this connection */
	struct http_buffer buffer;
};

struct client_target {
	struct address address;
	char host[ADDRESS_TEXT_SIZE];
	int64_t timeout_ns;
	int64_t requests_per_connection;
};

enum client_result { CLIENT_PENDING, CLIENT_OK, CLIENT_FAILED };

/* True while a request is under way. */
bool client_busy(const struct client *client);

/* Sends a request that was due at `due`, connecting first when there is no connection. */
enum client_result client_start(struct client *client, const struct client_target *target, int64_t due);

/* What poll(2) is to watch this client's socket for; 0 when it has none. */
short client_events(const struct client *client);

/* Goes on after poll(2) said so. An idle connection that the server closed is closed without a word. */
enum client_result client_continue(struct client *client, const struct client_target *target);

void client_close(struct client *client);

/* Socket addresses, numeric only: in a cluster they come from the environment, and a static glibc resolves no names. */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t length;
};

enum { ADDRESS_TEXT_SIZE = 64 };

/* Reads `host:port` (`[host]:port` too; the last colon separates). Dies, naming `what`, when it is none. */
struct address parse_address(const char *what, const char *text);

/* Writes `127.0.0.1:80` or `[::1]:80`. */
void format_address(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

/* Answers a listening socket; dies when the address is taken or not ours. */
int listen_on(const struct address *address);

/* The address a socket is really bound to: port 0 has become a port by then. */
struct address bound_address(int fd);

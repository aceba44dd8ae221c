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

/* Parses `host:port` or `[host]:port`; the last colon separates. Dies with an error that names `what`. */
struct address parse_address(const char *what, const char *text);

/* Formats as `127.0.0.1:80` or `[::1]:80`. */
void format_address(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

/* Returns a listening socket; dies if the address is in use or not of this machine. */
int listen_on(const struct address *address);

/* Address to which a socket is bound, with the port that the kernel chose for port 0. */
struct address bound_address(int fd);

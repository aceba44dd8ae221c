#define _GNU_SOURCE
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flags.h"

enum { BACKLOG = 128 };

static int parse_port(const char *text)
{
	char *end;
	long port = strtol(text, &end, 10);

	return end != text && *end == '\0' && port >= 0 && port <= 65535 ? (int)port : -1;
}

struct address parse_address(const char *what, const char *text)
{
	struct address address = { 0 };
	char host[INET6_ADDRSTRLEN + 2];
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	int port = colon ? parse_port(colon + 1) : -1;

	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (port >= 0 && length < sizeof(host)) {
		memcpy(host, text, length);
		host[length] = '\0';
		if (inet_pton(AF_INET, host, &address.v4.sin_addr) == 1) {
			address.v4.sin_family = AF_INET;
			address.v4.sin_port = htons(port);
			address.length = sizeof(address.v4);
			return address;
		}
		if (inet_pton(AF_INET6, host, &address.v6.sin6_addr) == 1) {
			address.v6.sin6_family = AF_INET6;
			address.v6.sin6_port = htons(port);
			address.length = sizeof(address.v6);
			return address;
		}
	}
	die("%s must be a numeric address and a port like 127.0.0.1:8080, not \"%s\"", what, text);
}

void format_address(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
	char host[INET6_ADDRSTRLEN];

	if (address->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT_SIZE, "%s:%d", host, ntohs(address->v4.sin_port));
	} else {
		inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT_SIZE, "[%s]:%d", host, ntohs(address->v6.sin6_port));
	}
}

int listen_on(const struct address *address)
{
	char text[ADDRESS_TEXT_SIZE];
	int yes = 1;
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
	    bind(fd, &address->any, address->length) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	format_address(address, text);
	die("cannot listen on %s: %s", text, strerror(errno));
}

struct address bound_address(int fd)
{
	struct address address = { .length = sizeof(address.v6) };

	if (getsockname(fd, &address.any, &address.length) != 0)
		die("cannot read the socket's address: %s", strerror(errno));
	return address;
}

/*
 * The part of HTTP/1.1 that the demo needs, both sides: messages whose head and body fit a small buffer, bodies
 * delimited by Content-Length, kept-alive connections.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { HTTP_BUFFER_SIZE = 4096, HTTP_BODY_SIZE = 128 };

enum http_result {
	HTTP_COMPLETE,
	HTTP_INCOMPLETE, /* read more */
	HTTP_MALFORMED,  /* or larger than the buffer */
};

/* Received bytes of messages that are not taken yet. */
struct http_buffer {
	size_t length;
	char bytes[HTTP_BUFFER_SIZE];
};

enum http_target {
	HTTP_WORK,   /* GET / */
	HTTP_HEALTH, /* GET /healthz */
	HTTP_NOT_FOUND,
	HTTP_NOT_ALLOWED,
};

struct http_request {
	enum http_target target;
	bool keep_alive;
};

struct http_response {
	int status;
	bool keep_alive;
};

/* Receives once into the buffer's free space; returns the result of recv. */
long http_receive(int fd, struct http_buffer *buffer);

/* Remove the first complete message, with its body, from the buffer. */
enum http_result http_take_request(struct http_buffer *buffer, struct http_request *request);
enum http_result http_take_response(struct http_buffer *buffer, struct http_response *response);

/* Send in one call; false if the peer is gone or does not read. */
bool http_send_request(int fd, const char *host);
bool http_send_response(int fd, int status, bool keep_alive, const char *body);

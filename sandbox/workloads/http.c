#define _GNU_SOURCE
#include "http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

long http_receive(int fd, struct http_buffer *buffer)
{
	long received;

	do {
		received = recv(fd, buffer->bytes + buffer->length, sizeof(buffer->bytes) - buffer->length, 0);
	} while (received < 0 && errno == EINTR);
	if (received > 0)
		buffer->length += received;
	return received;
}

/* Value of a header in a head that ends with an empty line; NULL if absent. */
static const char *find_header(const char *head, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, length) == 0 && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " \t");
	}
	return NULL;
}

static bool keeps_alive(const char *head, const char *version)
{
	const char *connection = find_header(head, "Connection");

	if (connection && strncasecmp(connection, "close", 5) == 0)
		return false;
	if (connection && strncasecmp(connection, "keep-alive", 10) == 0)
		return true;
	return strcmp(version, "HTTP/1.1") == 0;
}

/*
 * Copies the head of the first message, as a string, and removes that message from the buffer.
 * `head` needs room for a full buffer and a terminator.
 */
static enum http_result take_message(struct http_buffer *buffer, char *head)
{
	const char *end = memmem(buffer->bytes, buffer->length, "\r\n\r\n", 4);
	const char *content_length;
	size_t head_length, total;

	if (!end)
		return buffer->length == sizeof(buffer->bytes) ? HTTP_MALFORMED : HTTP_INCOMPLETE;
	head_length = end + 4 - buffer->bytes;
	memcpy(head, buffer->bytes, head_length);
	head[head_length] = '\0';
	content_length = find_header(head, "Content-Length");
	total = head_length + (content_length ? strtoul(content_length, NULL, 10) : 0);
	if (total < head_length || total > sizeof(buffer->bytes) || find_header(head, "Transfer-Encoding"))
		return HTTP_MALFORMED;
	if (total > buffer->length)
		return HTTP_INCOMPLETE;
	buffer->length -= total;
	memmove(buffer->bytes, buffer->bytes + total, buffer->length);
	return HTTP_COMPLETE;
}

enum http_result http_take_request(struct http_buffer *buffer, struct http_request *request)
{
	char head[HTTP_BUFFER_SIZE + 1], method[16], path[256], version[16];
	enum http_result result = take_message(buffer, head);

	if (result != HTTP_COMPLETE)
		return result;
	if (sscanf(head, "%15s %255s %15s", method, path, version) != 3)
		return HTTP_MALFORMED;
	request->keep_alive = keeps_alive(head, version);
	if (strcmp(method, "GET") != 0)
		request->target = HTTP_NOT_ALLOWED;
	else if (strcmp(path, "/") == 0)
		request->target = HTTP_WORK;
	else
		request->target = strcmp(path, "/healthz") == 0 ? HTTP_HEALTH : HTTP_NOT_FOUND;
	return HTTP_COMPLETE;
}

enum http_result http_take_response(struct http_buffer *buffer, struct http_response *response)
{
	char head[HTTP_BUFFER_SIZE + 1], version[16];
	enum http_result result = take_message(buffer, head);

	if (result != HTTP_COMPLETE)
		return result;
	if (sscanf(head, "%15s %d", version, &response->status) != 2 || !find_header(head, "Content-Length"))
		return HTTP_MALFORMED;
	response->keep_alive = keeps_alive(head, version);
	return HTTP_COMPLETE;
}

static bool send_text(int fd, const char *text, int length)
{
	return send(fd, text, length, MSG_NOSIGNAL) == length;
}

bool http_send_request(int fd, const char *host)
{
	char text[256];

	return send_text(fd, text, snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host));
}

static const char *reason_phrase(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 500:
		return "Internal Server Error";
	default:
		return "Bad Gateway";
	}
}

bool http_send_response(int fd, int status, bool keep_alive, const char *body)
{
	char text[512];
	int length = snprintf(text, sizeof(text),
			      "HTTP/1.1 %d %s\r\n"
			      "Content-Type: text/plain; charset=utf-8\r\n"
			      "Content-Length: %zu\r\n"
			      "%s\r\n%s\n",
			      status, reason_phrase(status), strlen(body) + 1,
			      keep_alive ? "" : "Connection: close\r\n", body);

	return send_text(fd, text, length);
}

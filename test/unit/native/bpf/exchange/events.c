/*
 * The exchange model, driven by lines of standard input, reports what it finds on standard output:
 *
 *   client | server            opens the connection as seen from this end
 *   send MS BYTES [TEXT]       a call that sends, whose bytes begin with the text
 *   unseen MS BYTES [TEXT]     the same, but the kernel skips the hook
 *   receive MS BYTES [TEXT]    bytes arrive and are read at once
 *   arrive MS BYTES [TEXT]     bytes arrive
 *   read MS BYTES              bytes that have arrived are read
 *   survey MS
 *   state MS NUMBER [closed] [failed]   a change of the socket's state
 *
 * What this end sends is acknowledged at once. Escapes of the text: \r, \n and \xHH.
 */
#include "wire.h"

#define START_US 1000000000ULL

static struct socket here, there;

static void print_report(const char *what, long long value, __u64 at)
{
	static const char *const timed[] = { "response", "think" };

	for (unsigned int i = 0; i < 2; i++)
		if (!strcmp(what, timed[i])) {
			printf("%s %.1f", what, value / 1e3);
			printf(at & MARK_SEVERAL    ? " several\n" :
			       at & MARK_OVERLAPPED ? " overlapped\n" :
			       at & MARK_LONG       ? " long\n" :
						      "\n");
			return;
		}
	if (!strcmp(what, "due") || !strcmp(what, "not due") || !strcmp(what, "lease"))
		return;
	if (value == 1)
		printf("%s\n", what);
	else
		printf("%s %lld\n", what, value);
}

/* The text's bytes, then zeroes. */
static void put_text(unsigned char *to, const char *text)
{
	for (; *text; text++) {
		if (*text != '\\') {
			*to++ = *text;
		} else if (*++text == 'x') {
			char digits[] = { text[1], text[2], 0 };

			*to++ = strtoul(digits, NULL, 16);
			text += 2;
		} else {
			*to++ = *text == 'r' ? '\r' : '\n';
		}
	}
}

static void run(struct socket *socket, __u64 time, enum event_type type, __u32 n, __u64 sent)
{
	struct event event = { time, ++event_order, socket, type, n, sent, false };

	run_event(&event);
}

static void send_bytes(__u64 time, __u32 n, const char *text, bool seen)
{
	put_text(here.bytes + here.written, text);
	run(&here, time, WRITE, n, 0);
	run(&here, time, ACKNOWLEDGE, n, time);
	if (seen)
		run(&here, time, SENT, n, 0);
}

static void receive(__u64 time, __u32 n, const char *text)
{
	put_text(there.bytes + here.arrived, text);
	run(&here, time, ARRIVE, n, 0);
}

static void change(__u64 time, __u32 state, const char *flags)
{
	here.closed = strstr(flags, "closed");
	here.failed = strstr(flags, "failed");
	run(&here, time, CHANGE, state, 0);
}

static void act(const char *verb, __u64 time, __u32 n, const char *text)
{
	if (!strcmp(verb, "send") || !strcmp(verb, "unseen"))
		send_bytes(time, n, text, verb[0] == 's');
	if (!strcmp(verb, "receive") || !strcmp(verb, "arrive"))
		receive(time, n, text);
	if (!strcmp(verb, "receive") || !strcmp(verb, "read"))
		run(&here, time, READ, n, 0);
	if (!strcmp(verb, "survey"))
		run(&here, time, SURVEY, 0, 0);
	if (!strcmp(verb, "state"))
		change(time, n, text);
}

static void open_end(enum role role)
{
	here.peer = &there;
	there.peer = &here;
	here.bytes = calloc(MAX_BYTES, 1);
	there.bytes = calloc(MAX_BYTES, 1);
	here.first = ~0U - 100; /* sequence numbers wrap */
	there.first = ~0U - 50;
	here.state = TCP_ESTABLISHED;
	here.connection.report = print_report;
	open_socket(&here, role, false, START_US);
}

int main(void)
{
	char line[1024], verb[16], text[1024];
	double ms;
	__u32 n;

	while (fgets(line, sizeof(line), stdin)) {
		text[0] = 0;
		n = 0;
		if (sscanf(line, "%15s %lf %u %1023[^\n]", verb, &ms, &n, text) < 2)
			open_end(verb[0] == 'c' ? ROLE_CLIENT : ROLE_SERVER);
		else
			act(verb, START_US + ms * 1000, n, text);
	}
	printf("outstanding %ld%s\n", here.connection.outstanding, here.connection.due ? ", due" : "");
	free(here.bytes);
	free(there.bytes);
	return 0;
}

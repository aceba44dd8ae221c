/* workload: an HTTP server that spends its time in one known way. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "workload.h"

static const struct kind *const kinds[] = { &cpu_kind, &disk_kind, &chain_kind, &lock_kind, &idle_kind };
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), MAX_FLAGS = 8 };

static const char *listen_text;
static const struct flag listen_flag = {
	"listen",
	"HOST:PORT to listen on; $POD_IP:8080, or 0.0.0.0:8080 without POD_IP",
	FLAG_TEXT,
	.text = &listen_text,
};

static void print_help(void)
{
	puts("Usage: workload KIND [flags]\n"
	     "Serves HTTP: GET / does one unit of work, GET /healthz responds at once.\n\n"
	     "Flags of every kind:");
	print_flags((const struct flag[]){ listen_flag, { 0 } });
	for (int i = 0; i < KINDS; i++) {
		printf("\n%s: %s\n", kinds[i]->name, kinds[i]->summary);
		print_flags(kinds[i]->flags);
	}
}

static const struct kind *find_kind(const char *name)
{
	for (int i = 0; i < KINDS; i++) {
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	}
	die("unknown kind \"%s\"; the kinds are cpu, disk, chain, lock and idle", name);
}

static void parse_kind_flags(const struct kind *kind, int argc, char **argv)
{
	struct flag flags[MAX_FLAGS] = { listen_flag };
	const char *operand;

	for (int i = 0; kind->flags[i].name; i++)
		flags[i + 1] = kind->flags[i];
	operand = parse_flags(argc, argv, flags);
	if (operand)
		die("unexpected argument \"%s\"; --help lists the flags", operand);
}

static struct address listen_address(void)
{
	const char *pod_ip = getenv("POD_IP");
	char text[ADDRESS_TEXT_SIZE];

	if (listen_text)
		return parse_address("--listen", listen_text);
	snprintf(text, sizeof(text), "%s:8080", pod_ip && *pod_ip ? pod_ip : "0.0.0.0");
	return parse_address("POD_IP with port 8080", text);
}

static void end_now(int signal_number)
{
	(void)signal_number;
	_exit(0);
}

int main(int argc, char **argv)
{
	const struct kind *kind;
	struct address address;
	char text[ADDRESS_TEXT_SIZE];
	int listener;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		print_help();
		return 0;
	}
	if (argc < 2)
		die("name the kind of workload: cpu, disk, chain, lock or idle");
	kind = find_kind(argv[1]);
	parse_kind_flags(kind, argc - 2, argv + 2);

	/* Process 1 of a container ignores every signal without a handler. */
	signal(SIGTERM, end_now);
	signal(SIGINT, end_now);
	if (kind->prepare)
		kind->prepare();
	address = listen_address();
	listener = listen_on(&address);
	address = bound_address(listener);
	format_address(&address, text);
	printf("workload %s listens on %s\n", kind->name, text);
	fflush(stdout);
	kind->serve(listener);
}

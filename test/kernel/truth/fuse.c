/*
 * fuse read | send DIRECTORY: reads a file of a FUSE file system through the page cache, by read() or sendfile(). A child
 * process serves it and takes 5 ms for each request. The file system is mounted on DIRECTORY in a namespace of its own.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "truth.h"

enum { PAGE = 4096, READ_AHEAD = 8 * PAGE, FILE_PAGES = 1 << 24, FILE_NODE = 2 };

static const double delay = 0.005;
static int device;

static void reply(const struct fuse_in_header *request, const void *body, size_t size)
{
	struct fuse_out_header header = { .len = sizeof(header) + size, .unique = request->unique };
	struct iovec parts[] = { { &header, sizeof(header) }, { (void *)body, size } };

	check(writev(device, parts, 2), "writev");
}

static void reply_error(const struct fuse_in_header *request, int error)
{
	struct fuse_out_header header = { .len = sizeof(header), .error = -error, .unique = request->unique };

	check(write(device, &header, sizeof(header)), "write");
}

static struct fuse_attr attributes(uint64_t node)
{
	if (node == FILE_NODE)
		return (struct fuse_attr){
			.ino = node, .mode = S_IFREG | 0600, .nlink = 1, .size = (uint64_t)FILE_PAGES * PAGE
		};
	return (struct fuse_attr){ .ino = node, .mode = S_IFDIR | 0700, .nlink = 2 };
}

static void respond(const struct fuse_in_header *request)
{
	static const char pages[READ_AHEAD];
	const struct fuse_read_in *wanted = (const void *)(request + 1);
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION };
	struct fuse_attr_out node = { .attr_valid = 3600, .attr = attributes(request->nodeid) };
	struct fuse_entry_out entry = { .nodeid = FILE_NODE, .entry_valid = 3600, .attr_valid = 3600 };
	struct fuse_open_out opened = {};

	init.max_write = PAGE;
	init.max_readahead = READ_AHEAD;
	init.flags = FUSE_ASYNC_READ;
	entry.attr = attributes(FILE_NODE);
	switch (request->opcode) {
	case FUSE_INIT:
		reply(request, &init, sizeof(init));
		break;
	case FUSE_GETATTR:
		reply(request, &node, sizeof(node));
		break;
	case FUSE_LOOKUP:
		reply(request, &entry, sizeof(entry));
		break;
	case FUSE_OPEN:
		reply(request, &opened, sizeof(opened));
		break;
	case FUSE_READ:
		sleep_seconds(delay);
		reply(request, pages, wanted->size < READ_AHEAD ? wanted->size : READ_AHEAD);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
		break;
	default:
		reply_error(request, ENOSYS);
	}
}

__attribute__((noreturn)) static void serve(void)
{
	static union {
		struct fuse_in_header request;
		char bytes[FUSE_MIN_READ_BUFFER + PAGE];
	} buffer;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		check(read(device, &buffer, sizeof(buffer)), "/dev/fuse");
		respond(&buffer.request);
	}
}

static int open_served(const char *directory)
{
	char text[256];

	check(unshare(CLONE_NEWNS), "unshare");
	check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount /");
	device = check(open("/dev/fuse", O_RDWR), "/dev/fuse");
	snprintf(text, sizeof(text), "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
	check(mount("truth", directory, "fuse", MS_NOSUID | MS_NODEV, text), "mount");
	if (!check(fork(), "fork"))
		serve();
	snprintf(text, sizeof(text), "%s/file", directory);
	return check(open(text, O_RDONLY), text);
}

int main(int argc, char **argv)
{
	char page[PAGE];
	int fd, sink;

	if (argc != 3)
		return 2;
	fd = open_served(argv[2]);
	sink = check(open("/dev/null", O_WRONLY), "/dev/null");
	ready(0);
	for (;;)
		check(is_mode(argv[1], "send") ? sendfile(sink, fd, NULL, PAGE) : read(fd, page, PAGE), argv[1]);
}

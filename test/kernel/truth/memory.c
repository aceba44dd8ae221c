/* memory: touches ever more memory, so that a limit holds it up. */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "truth.h"

int main(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (size_t)4 << 30;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	/* Page by page: the limit then holds up many small faults rather than a few large ones. */
	check(madvise(memory, size, MADV_NOHUGEPAGE), "madvise");
	ready(0);
	for (size_t offset = 0; offset < size; offset += page)
		memory[offset] = 1;
	return 0;
}

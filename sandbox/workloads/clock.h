/* Times in nanoseconds. */
#pragma once

#include <stdint.h>
#include <time.h>

enum { NS_PER_US = 1000, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

static inline int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * (int64_t)NS_PER_S + now.tv_nsec;
}

static inline struct timespec to_timespec(int64_t nanoseconds)
{
	return (struct timespec){
		.tv_sec = nanoseconds / NS_PER_S,
		.tv_nsec = nanoseconds % NS_PER_S,
	};
}

/* Times in nanoseconds. */
#pragma once

#include <stdint.h>
#include <time.h>

enum { NS_PER_US = 1000, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

int64_t clock_ns(clockid_t clock);
struct timespec to_timespec(int64_t nanoseconds);

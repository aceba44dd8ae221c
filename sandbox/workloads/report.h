/* Counts and latencies of the requests. */
#pragma once

#include <stdint.h>

/* Buckets of latencies from 1 us up, each 1 % wide: quantiles to within 1 % in constant memory. */
enum { REPORT_BUCKETS = 2400 };

struct report {
	int64_t sent;
	int64_t ok;
	int64_t failed;
	int64_t late; /* dropped, because every connection was busy when they were due */
	int64_t latencies[REPORT_BUCKETS];
};

/* Counts a response `latency_ns` after its request was due. */
void report_ok(struct report *report, int64_t latency_ns);

/* Prints one line on standard error. */
void report_progress(const struct report *report, int64_t second, int busy);

/* Prints one line of JSON; quantiles in seconds, null without responses. */
void report_summary(const struct report *report);

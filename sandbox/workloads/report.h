/* What became of the requests. */
#pragma once

#include <stdint.h>

/* Latencies from 1 us up, in buckets 1 % wide: quantiles to within 1 %, in a fixed amount of memory. */
enum { REPORT_BUCKETS = 2400 };

struct report {
	int64_t sent;
	int64_t ok;
	int64_t failed;
	int64_t late; /* due while every connection was busy, and dropped */
	int64_t latencies[REPORT_BUCKETS];
};

/* Counts an answer that came `latency_ns` after its request was due. */
void report_ok(struct report *report, int64_t latency_ns);

/* One line per second, for people. */
void report_progress(const struct report *report, int64_t second, int busy);

/* One line of JSON; quantiles in seconds, null when nothing was answered. */
void report_summary(const struct report *report);

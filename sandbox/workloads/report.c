#include "report.h"

#include <math.h>
#include <stdio.h>

#include "clock.h"

static const double BUCKET_RATIO = 1.01;

void report_ok(struct report *report, int64_t latency_ns)
{
	double bucket = ceil(log((double)latency_ns / NS_PER_US) / log(BUCKET_RATIO));

	report->ok++;
	report->latencies[(int)fmin(fmax(bucket, 0), REPORT_BUCKETS - 1)]++;
}

/* Upper bound, in seconds, of the bucket with the quantile; NaN without responses. */
static double quantile(const struct report *report, double q)
{
	int64_t seen = 0;

	for (int i = 0; i < REPORT_BUCKETS; i++) {
		seen += report->latencies[i];
		if (seen > 0 && (double)seen >= q * (double)report->ok)
			return pow(BUCKET_RATIO, i) / 1e6;
	}
	return NAN;
}

void report_progress(const struct report *report, int64_t second, int busy)
{
	fprintf(stderr, "%lds sent=%ld ok=%ld failed=%ld late=%ld busy=%d p50=%.4fs p99=%.4fs\n", (long)second,
		(long)report->sent, (long)report->ok, (long)report->failed, (long)report->late, busy,
		quantile(report, 0.5), quantile(report, 0.99));
}

static void print_quantile(const char *name, double seconds)
{
	if (isnan(seconds))
		printf(",\"%s\":null", name);
	else
		printf(",\"%s\":%.6f", name, seconds);
}

void report_summary(const struct report *report)
{
	printf("{\"sent\":%ld,\"ok\":%ld,\"failed\":%ld,\"late\":%ld", (long)report->sent, (long)report->ok,
	       (long)report->failed, (long)report->late);
	print_quantile("p50", quantile(report, 0.5));
	print_quantile("p99", quantile(report, 0.99));
	puts("}");
	fflush(stdout);
}

/* A wall clock that is wrong by CLOCK_ERROR_SECONDS, for LD_PRELOAD. Monotonic clocks are right,
 * so sleeping, timeouts and leases of this process last as long as elsewhere.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static time_t error_seconds;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("CLOCK_ERROR_SECONDS");
	error_seconds = text ? atol(text) : 0;
	*(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (!real_clock_gettime)
		begin();
	int failed = real_clock_gettime(clock, now);
	if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += error_seconds;
	return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec precise;
	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &precise))
		return -1;
	now->tv_sec = precise.tv_sec;
	now->tv_usec = precise.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *now)
{
	struct timespec precise;
	if (clock_gettime(CLOCK_REALTIME, &precise))
		return (time_t)-1;
	if (now)
		*now = precise.tv_sec;
	return precise.tv_sec;
}

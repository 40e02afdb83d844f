// SPDX-License-Identifier: GPL-2.0
/* penstock paths [--json] [-i SECONDS] MOUNT: what each connection does. */
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "helper.h"

#define DEFAULT_INTERVAL	0.5

static double look_twice(const char *dir, double interval, struct paths *before,
			 struct paths *now)
{
	struct timespec begin, end, pause = {
		.tv_sec = (time_t)interval,
		.tv_nsec = (long)((interval - (time_t)interval) * 1e9),
	};

	if (paths_read(dir, before))
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	nanosleep(&pause, NULL);
	if (paths_read(dir, now))
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &end);
	return end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec) / 1e9;
}

int cmd_paths(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "interval", required_argument, NULL, 'i' },
		{}
	};
	struct paths before = {}, now = {};
	double interval = DEFAULT_INTERVAL, seconds;
	bool json = false;
	char *dir, *end;
	int c;

	while ((c = getopt_long(argc, argv, "ji:", longs, NULL)) != -1) {
		if (c == 'j') {
			json = true;
		} else if (c == 'i') {
			interval = strtod(optarg, &end);
			if (*end || end == optarg || !(interval >= 0.01 && interval <= 3600)) {
				fprintf(stderr, "penstock paths: -i takes 0.01 to 3600 seconds\n");
				return EXIT_USAGE;
			}
		} else {
			return EXIT_USAGE;
		}
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "usage: penstock paths [--json] [-i SECONDS] MOUNT\n");
		return EXIT_USAGE;
	}
	dir = argv[optind];
	trim_slashes(dir);
	seconds = look_twice(dir, interval, &before, &now);
	if (seconds >= 0 && json)
		paths_print_json(dir, &before, &now, seconds);
	else if (seconds >= 0)
		paths_print_table(&before, &now, seconds);
	if (seconds >= 0 && json)
		putchar('\n');
	paths_free(&before);
	paths_free(&now);
	return seconds < 0 ? EXIT_FAIL : EXIT_OK;
}

// SPDX-License-Identifier: GPL-2.0
/* penstock top [--once] [--json] [-n TIMES] [-d SECONDS] [MOUNT...] */
#include <getopt.h>
#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "helper.h"

#define DEFAULT_DELAY	2.0
/* To the upper left corner; from here to the end of the screen. */
#define HOME		"\033[H"
#define CLEAR_REST	"\033[J"

struct top {
	char **dirs;
	struct paths *before, *now;
	size_t nr;
	double delay;
	unsigned long times;	/* 0: until it is killed */
	bool json;
	bool screen;
};

static void add_mount(struct top *top, const char *dir)
{
	size_t i;

	for (i = 0; i < top->nr; i++)
		if (!strcmp(top->dirs[i], dir))
			return;
	top->dirs = xrealloc(top->dirs, top->nr + 1, sizeof(*top->dirs));
	top->dirs[top->nr++] = xstrndup(dir, strlen(dir));
}

static int find_mounts(struct top *top)
{
	FILE *in = setmntent("/proc/self/mounts", "r");
	struct mntent *m;

	while (in && (m = getmntent(in)))
		if (!strcmp(m->mnt_type, PENSTOCK_FSTYPE))
			add_mount(top, m->mnt_dir);
	if (in)
		endmntent(in);
	if (top->nr)
		return 0;
	fprintf(stderr, "penstock top: nothing is mounted with penstock\n");
	return -1;
}

/* One look at all mounts into @looks.  -1: one of them is gone. */
static int look(const struct top *top, struct paths *looks)
{
	size_t i;

	for (i = 0; i < top->nr; i++) {
		paths_free(&looks[i]);
		if (paths_read(top->dirs[i], &looks[i]))
			return -1;
	}
	return 0;
}

static void paint(const struct top *top, double seconds)
{
	size_t i;

	if (top->json)
		putchar('[');
	else if (top->screen)
		fputs(HOME CLEAR_REST, stdout);
	for (i = 0; i < top->nr; i++) {
		if (top->json) {
			fputs(i ? ",\n" : "", stdout);
			paths_print_json(top->dirs[i], &top->before[i],
					 &top->now[i], seconds);
			continue;
		}
		printf("%s on %s\n", top->now[i].device, top->dirs[i]);
		paths_print_table(&top->before[i], &top->now[i], seconds);
		putchar('\n');
	}
	if (top->json)
		puts("]");
	fflush(stdout);
}

static double elapsed(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - since->tv_sec + (now.tv_nsec - since->tv_nsec) / 1e9;
}

static int watch(struct top *top)
{
	struct timespec begin, pause = {
		.tv_sec = (time_t)top->delay,
		.tv_nsec = (long)((top->delay - (time_t)top->delay) * 1e9),
	};
	unsigned long n;

	top->before = calloc(top->nr, sizeof(*top->before));
	top->now = calloc(top->nr, sizeof(*top->now));
	if (!top->before || !top->now)
		return EXIT_SYSTEM;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (look(top, top->before))
		return EXIT_FAIL;
	for (n = 0; !top->times || n < top->times; n++) {
		struct paths *old = top->before;

		nanosleep(&pause, NULL);
		if (look(top, top->now))
			return EXIT_FAIL;
		paint(top, elapsed(&begin));
		clock_gettime(CLOCK_MONOTONIC, &begin);
		top->before = top->now;
		top->now = old;
	}
	return EXIT_OK;
}

static int parse(struct top *top, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "once", no_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{ "count", required_argument, NULL, 'n' },
		{ "delay", required_argument, NULL, 'd' },
		{}
	};
	char *end = "";
	int c;

	while (!*end && (c = getopt_long(argc, argv, "ojn:d:", longs, NULL)) != -1) {
		if (c == 'o') {
			top->times = 1;
		} else if (c == 'j') {
			top->json = true;
		} else if (c == 'n') {
			top->times = strtoul(optarg, &end, 10);
			if (*optarg < '0' || *optarg > '9' || !top->times)
				end = "?";
		} else if (c == 'd') {
			top->delay = strtod(optarg, &end);
			if (end == optarg || !(top->delay >= 0.01 && top->delay <= 3600))
				end = "?";
		} else {
			end = "?";
		}
	}
	if (!*end)
		return 0;
	fprintf(stderr, "usage: penstock top [--once] [--json] [-n TIMES] [-d SECONDS] [MOUNT...]\n");
	return -1;
}

int cmd_top(int argc, char **argv)
{
	struct top top = { .delay = DEFAULT_DELAY };
	int status = EXIT_FAIL;
	size_t i;

	if (parse(&top, argc, argv))
		return EXIT_USAGE;
	top.screen = isatty(STDOUT_FILENO) && top.times != 1;
	for (; optind < argc; optind++) {
		trim_slashes(argv[optind]);
		add_mount(&top, argv[optind]);
	}
	if (top.nr || !find_mounts(&top))
		status = watch(&top);
	for (i = 0; i < top.nr; i++) {
		if (top.before)
			paths_free(&top.before[i]);
		if (top.now)
			paths_free(&top.now[i]);
		free(top.dirs[i]);
	}
	free(top.before);
	free(top.now);
	free(top.dirs);
	return status;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * penstock stat [--json] MOUNT: which bytes went direct, and which did not, as
 * the kernel counts them (Documentation/gpudirect.rst).
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "helper.h"

/* Of a path's words, those that say what was moved directly or not. */
static const char * const path_keys[] = {
	"direct_gpu", "direct_p2p", "bounced_p2p", "refused", "bounced_gss",
};

struct stat_lines {
	char *device;
	char *gpudirect;	/* "key=value ..." */
	char **path;
	size_t nr_paths;
};

static void stat_free(struct stat_lines *s)
{
	while (s->nr_paths)
		free(s->path[--s->nr_paths]);
	free(s->path);
	free(s->gpudirect);
	free(s->device);
}

static void stat_line(struct stat_lines *s, const char *at)
{
	if (!strncmp(at, "gpudirect: ", 11)) {
		free(s->gpudirect);
		s->gpudirect = xstrndup(at + 11, strlen(at + 11));
	} else if (!strncmp(at, "path: ", 6)) {
		s->path = xrealloc(s->path, s->nr_paths + 1, sizeof(*s->path));
		s->path[s->nr_paths++] = xstrndup(at + 6, strlen(at + 6));
	}
}

static int stat_read(const char *dir, struct stat_lines *s)
{
	FILE *in = fopen("/proc/self/mountstats", "r");
	char *line = NULL, *at;
	bool ours = false;
	size_t size = 0;

	if (!in) {
		fprintf(stderr, "penstock: /proc/self/mountstats: %s\n", strerror(errno));
		return -1;
	}
	while (getline(&line, &size, in) > 0) {
		at = line + strspn(line, " \t");
		at[strcspn(at, "\n")] = '\0';
		if (!strncmp(at, "device ", 7)) {
			ours = mountstats_is(at, dir, &s->device);
			while (ours && s->nr_paths)	/* this one hides it */
				free(s->path[--s->nr_paths]);
		} else if (ours) {
			stat_line(s, at);
		}
	}
	free(line);
	fclose(in);
	if (s->device && s->gpudirect)
		return 0;
	fprintf(stderr, "penstock: %s: not the mount point of a penstock mount\n", dir);
	return -1;
}

/* The value of @key in the words of @line; "0": it has none. */
static const char *word_value(const char *line, const char *key, char *buf, size_t size)
{
	size_t len = strlen(key);
	const char *at = line;

	snprintf(buf, size, "0");
	while ((at = strchr(at, ' '))) {
		at++;
		if (!strncmp(at, key, len) && at[len] == '=')
			snprintf(buf, size, "%.*s", (int)strcspn(at + len + 1, " "),
				 at + len + 1);
	}
	return buf;
}

static void print_mount(const struct stat_lines *s, bool json)
{
	char *word, *value, *save;
	bool first = true;

	for (word = strtok_r(s->gpudirect, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		value = strchr(word, '=');
		if (!value)
			continue;
		*value++ = '\0';
		if (!json)
			printf("%-16s %s\n", word, value);
		else if (*value >= '0' && *value <= '9')
			printf("%s\"%s\": %s", first ? "" : ", ", word, value);
		else
			printf("%s\"%s\": \"%s\"", first ? "" : ", ", word, value);
		first = false;
	}
}

static void print_path(const char *line, bool json)
{
	const char *addr = strchr(line, ' ');
	char value[32];
	size_t i;
	int len;

	addr = addr ? addr + 1 : "";
	len = strcspn(addr, " ");
	printf(json ? "{\"address\": \"%.*s\"" : "path %-30.*s", len, addr);
	for (i = 0; i < sizeof(path_keys) / sizeof(path_keys[0]); i++)
		printf(json ? ", \"%s\": %s" : " %s=%s", path_keys[i],
		       word_value(line, path_keys[i], value, sizeof(value)));
	printf(json ? "}" : "\n");
}

static void print_stat(const char *dir, const struct stat_lines *s, bool json)
{
	size_t i;

	if (json) {
		printf("{\"mount\": ");
		print_string(dir);
		printf(", \"device\": ");
		print_string(s->device);
		printf(", \"gpudirect\": {");
	}
	print_mount(s, json);
	if (json)
		printf("}, \"paths\": [");
	for (i = 0; i < s->nr_paths; i++) {
		if (json)
			printf("%s\n  ", i ? "," : "");
		print_path(s->path[i], json);
	}
	if (json)
		printf("\n]}\n");
}

int cmd_stat(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	struct stat_lines s = {};
	bool json = false;
	char *dir;
	int c, rc;

	while ((c = getopt_long(argc, argv, "j", longs, NULL)) != -1) {
		if (c != 'j')
			return EXIT_USAGE;
		json = true;
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "usage: penstock stat [--json] MOUNT\n");
		return EXIT_USAGE;
	}
	dir = argv[optind];
	trim_slashes(dir);
	rc = stat_read(dir, &s);
	if (!rc)
		print_stat(dir, &s, json);
	stat_free(&s);
	return rc ? EXIT_FAIL : EXIT_OK;
}

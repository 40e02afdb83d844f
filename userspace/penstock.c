// SPDX-License-Identifier: GPL-2.0
/* penstock SUBCOMMAND: looks after live mounts.  One file for each subcommand. */
#include <stdio.h>
#include <string.h>

#include "helper.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *does;
} commands[] = {
	{ "cred", cmd_cred, "show, set and drop what proves who this host is" },
	{ "paths", cmd_paths, "show the connections of a mount" },
	{ "stat", cmd_stat, "show what went direct into and out of device memory" },
	{ "doctor", cmd_doctor, "say what this host lacks (--gpu: for GPU memory)" },
	{ "path", cmd_path, "add, remove or show paths of a live mount" },
	{ "paths", cmd_paths, "show the connections of a mount" },
	{ "top", cmd_top, "show the connections of all mounts, again and again" },
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static void usage(FILE *out)
{
	size_t i;

	fprintf(out, "usage: penstock COMMAND [ARGUMENTS]; penstock(8) has more\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].does);
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("penstock %s\n", VERSION);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		usage(stdout);
		return EXIT_OK;
	}
	fprintf(stderr, "penstock: there is no command '%s'\n", argv[1]);
	usage(stderr);
	return EXIT_USAGE;
}

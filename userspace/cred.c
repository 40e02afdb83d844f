// SPDX-License-Identifier: GPL-2.0
/*
 * penstock cred show|tls|krb5|drop: what proves to servers who this host is.
 *
 * Secrets come from files that only root reads and go into keyrings; no command
 * line, option, log or /proc file ever holds one.
 */
#include <getopt.h>
#include <string.h>

#include "helper.h"

static int cred_show(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{}
	};
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "j", longs, NULL)) != -1) {
		if (c != 'j')
			return EXIT_USAGE;
		json = true;
	}
	if (optind != argc) {
		fprintf(stderr, "usage: penstock cred show [--json]\n");
		return EXIT_USAGE;
	}
	if (json)
		printf("{");
	cred_tls_show(json);
	if (json)
		printf(", ");
	cred_krb5_show(json);
	if (json)
		printf("}\n");
	return EXIT_OK;
}

static int cred_drop(int argc, char **argv)
{
	(void)argv;
	if (argc != 1) {
		fprintf(stderr, "usage: penstock cred drop\n");
		return EXIT_USAGE;
	}
	return cred_tls_drop();
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *does;
} commands[] = {
	{ "show", cred_show, "[--json]: what there is, without the secrets" },
	{ "tls", cred_tls, "[--cert FILE --key FILE] [--ca FILE] [--renew MOUNT]: for xprtsec=mtls" },
	{ "krb5", cred_krb5, "[--keytab FILE] [--json]: is there what sec=krb5 needs?" },
	{ "drop", cred_drop, ": forget what tls has put away" },
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

int cmd_cred(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(stderr, "%s penstock cred %s %s\n", i ? "      " : "usage:",
			commands[i].name, commands[i].does);
	return EXIT_USAGE;
}

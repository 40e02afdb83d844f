// SPDX-License-Identifier: GPL-2.0
/*
 * penstock doctor --gpu [--json]: what this host has, and what it lacks.
 *
 * Nothing is changed, and nothing but files below /proc, /sys, /boot and /etc is
 * looked at.  Each finding is a sentence that says what to do.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "helper.h"

static const char * const states[] = {
	[DOCTOR_OK]	 = "ok",
	[DOCTOR_NOTE]	 = "note",
	[DOCTOR_MISSING] = "missing",
};

void doctor_say(struct doctor *d, enum doctor_state state, const char *subject,
		const char *fmt, ...)
{
	struct finding *f;
	va_list ap;

	d->found = xrealloc(d->found, d->nr + 1, sizeof(*d->found));
	f = &d->found[d->nr++];
	f->state = state;
	f->subject = subject;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	if (state == DOCTOR_MISSING)
		d->missing = true;
}

FILE *doctor_open(const struct doctor *d, const char *path)
{
	char whole[DOCTOR_PATH];

	if (snprintf(whole, sizeof(whole), "%s%s", d->root, path) >= (int)sizeof(whole))
		return NULL;
	return fopen(whole, "re");
}

bool doctor_line(const struct doctor *d, const char *path, char *line, size_t size)
{
	FILE *in = doctor_open(d, path);
	bool ok;

	*line = '\0';
	if (!in)
		return false;
	ok = fgets(line, size, in);
	line[strcspn(line, "\n")] = '\0';
	fclose(in);
	return ok;
}

static void print_json(const struct doctor *d)
{
	size_t i;

	printf("{\"ok\": %s, \"findings\": [", d->missing ? "false" : "true");
	for (i = 0; i < d->nr; i++) {
		printf("%s\n  {\"state\": \"%s\", \"subject\": ", i ? "," : "",
		       states[d->found[i].state]);
		print_string(d->found[i].subject);
		printf(", \"text\": ");
		print_string(d->found[i].text);
		putchar('}');
	}
	printf("\n]}\n");
}

static void print_text(const struct doctor *d)
{
	size_t i;

	for (i = 0; i < d->nr; i++)
		printf("%-8s %-12s %s\n", states[d->found[i].state],
		       d->found[i].subject, d->found[i].text);
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "gpu", no_argument, NULL, 'g' },
		{ "json", no_argument, NULL, 'j' },
		{ "root", required_argument, NULL, 'r' },
		{}
	};
	struct doctor d = { .root = "" };
	bool json = false, gpu = false;
	int c;

	while ((c = getopt_long(argc, argv, "gjr:", longs, NULL)) != -1) {
		if (c == 'g')
			gpu = true;
		else if (c == 'j')
			json = true;
		else if (c == 'r')
			d.root = optarg;
		else
			return EXIT_USAGE;
	}
	if (optind != argc || !gpu) {
		fprintf(stderr, "usage: penstock doctor --gpu [--json] [--root DIR]\n");
		return EXIT_USAGE;
	}
	doctor_gpu(&d);
	if (json)
		print_json(&d);
	else
		print_text(&d);
	free(d.found);
	return d.missing ? EXIT_FAIL : EXIT_OK;
}

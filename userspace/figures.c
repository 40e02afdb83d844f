// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel counts of each path (Documentation/statistics.rst), read and
 * printed.  Its counters only grow; rates are the difference of two looks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper.h"

/* As the kernel calls them, and as JSON does. */
static const struct {
	const char *key, *json;
} figures[F_COUNT] = {
	[F_INFLIGHT]	= { "inflight", "in_flight" },
	[F_CALLS]	= { "calls", "calls" },
	[F_REPLIES]	= { "replies", "replies" },
	[F_OUT]		= { "out", "bytes_out" },
	[F_IN]		= { "in", "bytes_in" },
	[F_RTT50]	= { "rtt50", "rtt_p50_us" },
	[F_RTT99]	= { "rtt99", "rtt_p99_us" },
	[F_RECONNECTS]	= { "reconnects", "reconnects" },
	[F_RESENDS]	= { "resends", "resends" },
	[F_TIMEOUTS]	= { "timeouts", "timeouts" },
};

void paths_free(struct paths *p)
{
	free(p->device);
	free(p->path);
	memset(p, 0, sizeof(*p));
}

/* /proc writes blanks and the like as \ooo. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' &&
		    text[2] >= '0' && text[2] <= '7' &&
		    text[3] >= '0' && text[3] <= '7') {
			*to++ = (text[1] - '0') << 6 | (text[2] - '0') << 3 |
				(text[3] - '0');
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

static void parse_word(struct path *path, char *word)
{
	char *value = strchr(word, '=');
	size_t i;

	if (!value)
		return;
	*value++ = '\0';
	if (!strcmp(word, "state"))
		snprintf(path->state, sizeof(path->state), "%s", value);
	else if (!strcmp(word, "rail"))
		snprintf(path->rail, sizeof(path->rail), "%s", value);
	else if (!strcmp(word, "security"))
		snprintf(path->security, sizeof(path->security), "%s", value);
	for (i = 0; i < F_COUNT; i++)
		if (!strcmp(word, figures[i].key))
			path->figure[i] = strtoull(value, NULL, 10);
}

/* "TRANSPORT ADDRESS key=value..." */
static void add_path(struct paths *p, char *line)
{
	struct path *path;
	char *word, *save;
	int n = 0;

	p->path = xrealloc(p->path, p->nr + 1, sizeof(*p->path));
	path = &p->path[p->nr++];
	memset(path, 0, sizeof(*path));
	for (word = strtok_r(line, " \t\n", &save); word;
	     word = strtok_r(NULL, " \t\n", &save), n++) {
		if (n == 0)
			snprintf(path->transport, sizeof(path->transport), "%s", word);
		else if (n == 1)
			snprintf(path->addr, sizeof(path->addr), "%s", word);
		else
			parse_word(path, word);
	}
}

bool mountstats_is(char *line, const char *dir, char **device)
{
	char *on = strstr(line, " mounted on "), *with;

	with = on ? strstr(on, " with fstype " PENSTOCK_FSTYPE) : NULL;
	if (!with)
		return false;
	*on = '\0';
	*with = '\0';
	on += strlen(" mounted on ");
	unescape(on);
	if (strcmp(on, dir))
		return false;
	unescape(line);
	free(*device);
	*device = xstrndup(line + strlen("device "), strlen(line));
	return true;
}

int paths_read(const char *dir, struct paths *p)
{
	FILE *in = fopen("/proc/self/mountstats", "r");
	bool ours = false;
	char *line = NULL;
	size_t size = 0;

	memset(p, 0, sizeof(*p));
	if (!in) {
		fprintf(stderr, "penstock: /proc/self/mountstats: %s\n", strerror(errno));
		return -1;
	}
	while (getline(&line, &size, in) > 0) {
		char *at = line + strspn(line, " \t");

		if (!strncmp(at, "device ", 7)) {
			ours = mountstats_is(at, dir, &p->device);
			if (ours)
				p->nr = 0;
		} else if (ours && !strncmp(at, "path: ", 6)) {
			add_path(p, at + 6);
		}
	}
	free(line);
	fclose(in);
	if (p->device)
		return 0;
	fprintf(stderr, "penstock: %s: not the mount point of a penstock mount\n", dir);
	return -1;
}

/* Bytes per second between two looks; 0 if the path is not the same any more. */
static double rate(const struct paths *before, const struct paths *now, size_t i,
		   enum figure f, double seconds)
{
	if (i >= before->nr || strcmp(before->path[i].addr, now->path[i].addr) ||
	    now->path[i].figure[f] < before->path[i].figure[f])
		return 0;
	return (now->path[i].figure[f] - before->path[i].figure[f]) / seconds;
}

void print_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else if ((unsigned char)*text < ' ')
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	}
	putchar('"');
}

void paths_print_json(const char *dir, const struct paths *before,
		      const struct paths *now, double seconds)
{
	size_t i, f;

	printf("{\"mount\": ");
	print_string(dir);
	printf(", \"device\": ");
	print_string(now->device);
	printf(", \"paths\": [");
	for (i = 0; i < now->nr; i++) {
		const struct path *p = &now->path[i];

		printf("%s\n  {\"state\": \"%s\", \"transport\": \"%s\", \"rail\": ",
		       i ? "," : "", p->state, p->transport);
		print_string(p->rail);
		printf(", \"address\": ");
		print_string(p->addr);
		printf(", \"security\": \"%s\"", p->security);
		for (f = 0; f < F_COUNT; f++)
			printf(", \"%s\": %llu", figures[f].json, p->figure[f]);
		printf(", \"rate_out\": %.0f, \"rate_in\": %.0f}",
		       rate(before, now, i, F_OUT, seconds),
		       rate(before, now, i, F_IN, seconds));
	}
	printf("\n]}");
}

static const char *scaled(double n, char *buf, size_t size)
{
	static const char * const units[] = { "", "K", "M", "G", "T", "P" };
	size_t u = 0;

	for (; n >= 9999.5 && u < sizeof(units) / sizeof(units[0]) - 1; u++)
		n /= 1024;
	snprintf(buf, size, "%.0f%s", n, units[u]);
	return buf;
}

void paths_print_table(const struct paths *before, const struct paths *now,
		       double seconds)
{
	char out[16], in[16], rout[16], rin[16];
	size_t i;

	printf("%-10s %-5s %-4s %-10s %-24s %9s %6s %6s %7s %7s %8s %8s %6s %6s\n",
	       "STATE", "PROTO", "SEC", "RAIL", "ADDRESS", "CALLS", "OUT", "IN", "OUT/s",
	       "IN/s", "P50us", "P99us", "RECONN", "RESENT");
	for (i = 0; i < now->nr; i++) {
		const struct path *p = &now->path[i];

		printf("%-10s %-5s %-4s %-10s %-24s %9llu %6s %6s %7s %7s %8llu %8llu %6llu %6llu\n",
		       p->state, p->transport, *p->security ? p->security : "-",
		       p->rail, p->addr, p->figure[F_CALLS],
		       scaled(p->figure[F_OUT], out, sizeof(out)),
		       scaled(p->figure[F_IN], in, sizeof(in)),
		       scaled(rate(before, now, i, F_OUT, seconds), rout, sizeof(rout)),
		       scaled(rate(before, now, i, F_IN, seconds), rin, sizeof(rin)),
		       p->figure[F_RTT50], p->figure[F_RTT99],
		       p->figure[F_RECONNECTS], p->figure[F_RESENDS]);
	}
}

void trim_slashes(char *dir)
{
	char *end = dir + strlen(dir);

	while (end > dir + 1 && end[-1] == '/')
		*--end = '\0';
}

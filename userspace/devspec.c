// SPDX-License-Identifier: GPL-2.0
/*
 * The device of a mount: HOST[,HOST...]:/PATH
 *
 * A HOST is a name, an IPv4 address, an IPv6 address in brackets, or a range
 * of either kind of address.  No HOST contains a '/', so the first ":/" ends
 * the list whatever follows: a path may hold colons, commas and spaces.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "helper.h"

/* RFC 1035 section 2.3.4, less the root's empty label. */
#define HOST_NAME_MAX_LEN	253
/* IFNAMSIZ - 1 */
#define SCOPE_MAX_LEN		15

struct item {
	const char *text;
	size_t len;
};

#define ITEM(it)	(int)((it)->len < 64 ? (it)->len : 64), (it)->text

static void add_host(struct devspec *spec, enum host_kind kind,
		     const char *text, size_t len)
{
	struct host *host;

	spec->hosts = xrealloc(spec->hosts, spec->nr_hosts + 1,
			       sizeof(*spec->hosts));
	host = &spec->hosts[spec->nr_hosts++];
	host->kind = kind;
	host->text = xstrndup(text, len);
}

static bool parse_addr(int family, const char *text, size_t len, void *addr)
{
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return inet_pton(family, copy, addr) == 1;
}

/* Big-endian arithmetic on addresses of @size bytes, so v4 and v6 share it. */
static void addr_increment(uint8_t *addr, size_t size)
{
	while (size-- && ++addr[size] == 0)
		;
}

static int add_range(struct devspec *spec, int family, const struct item *it,
		     const struct item *first, const struct item *last,
		     char *why)
{
	size_t size = family == AF_INET ? 4 : 16;
	char text[INET6_ADDRSTRLEN];
	uint8_t from[16], to[16];

	if (!parse_addr(family, first->text, first->len, from) ||
	    !parse_addr(family, last->text, last->len, to))
		return complain(why, "range '%.*s': both ends must be whole addresses of the same kind, as in 10.0.0.10-10.0.0.25 or [fd00::10]-[fd00::1f]",
				ITEM(it));
	if (memcmp(from, to, size) > 0)
		return complain(why, "range '%.*s' runs backwards", ITEM(it));
	for (;;) {
		if (spec->nr_hosts == SPEC_HOSTS_MAX)
			return complain(why, "the device names more than %d addresses; range '%.*s' goes past that",
					SPEC_HOSTS_MAX, ITEM(it));
		inet_ntop(family, from, text, sizeof(text));
		add_host(spec, family == AF_INET ? HOST_IPV4 : HOST_IPV6,
			 text, strlen(text));
		if (!memcmp(from, to, size))
			return 0;
		addr_increment(from, size);
	}
}

static bool scope_is_valid(const char *scope, size_t len)
{
	if (!len || len > SCOPE_MAX_LEN)
		return false;
	for (; len--; scope++)
		if (!isalnum((unsigned char)*scope) && !strchr("._-", *scope))
			return false;
	return true;
}

/* @it begins with '['. */
static int add_ipv6(struct devspec *spec, const struct item *it, char *why)
{
	const char *end = it->text + it->len;
	const char *close = memchr(it->text, ']', it->len);
	struct item first, last;
	const char *scope;
	uint8_t addr[16];

	if (!close)
		return complain(why, "'%.*s': the closing bracket is missing",
				ITEM(it));
	first.text = it->text + 1;
	first.len = close - first.text;
	if (end - close > 3 && close[1] == '-' && close[2] == '[' &&
	    end[-1] == ']') {
		last.text = close + 3;
		last.len = end - 1 - last.text;
		return add_range(spec, AF_INET6, it, &first, &last, why);
	}
	if (close + 1 != end)
		return complain(why, "'%.*s': nothing may follow the bracket (a port goes into -o port=)",
				ITEM(it));
	scope = memchr(first.text, '%', first.len);
	if (!parse_addr(AF_INET6, first.text,
			scope ? (size_t)(scope - first.text) : first.len, addr))
		return complain(why, "'%.*s' is not an IPv6 address", ITEM(it));
	if (scope && !scope_is_valid(scope + 1, close - scope - 1))
		return complain(why, "'%.*s': the part after '%%' must be the name of a network interface",
				ITEM(it));
	add_host(spec, HOST_IPV6, first.text, first.len);
	return 0;
}

static int complain_of_colon(const struct item *it, char *why)
{
	const char *colon = memchr(it->text, ':', it->len);
	const char *rest = colon + 1;
	uint8_t addr[16];

	if (parse_addr(AF_INET6, it->text, it->len, addr))
		return complain(why, "write an IPv6 address in brackets: [%.*s]:/PATH",
				ITEM(it));
	while (rest < it->text + it->len && isdigit((unsigned char)*rest))
		rest++;
	if (rest == it->text + it->len && rest > colon + 1)
		return complain(why, "'%.*s': a port goes into the options: -o port=%.*s",
				ITEM(it), (int)(rest - colon - 1), colon + 1);
	return complain(why, "host '%.*s' contains a colon; HOST:/PATH is expected, with IPv6 addresses in brackets",
			ITEM(it));
}

static int add_name(struct devspec *spec, const struct item *it, char *why)
{
	bool numeric = true;
	size_t i;

	if (memchr(it->text, ':', it->len))
		return complain_of_colon(it, why);
	if (it->len > HOST_NAME_MAX_LEN)
		return complain(why, "host name '%.*s...' is longer than %d characters",
				ITEM(it), HOST_NAME_MAX_LEN);
	for (i = 0; i < it->len; i++) {
		unsigned char c = it->text[i];

		if (isspace(c))
			return complain(why, "host name '%.*s' contains a blank; hosts are separated by commas alone",
					ITEM(it));
		/* Bytes of other alphabets are for the resolver to judge. */
		if (c < 0x80 && !isalnum(c) && !strchr("._-", c))
			return complain(why, "host name '%.*s' contains '%c'",
					ITEM(it), isprint(c) ? c : '?');
		if (!isdigit(c) && c != '.')
			numeric = false;
	}
	if (it->text[0] == '-')
		return complain(why, "host name '%.*s' begins with '-'",
				ITEM(it));
	if (numeric)
		return complain(why, "'%.*s' is not an IPv4 address", ITEM(it));
	add_host(spec, HOST_NAME, it->text, it->len);
	return 0;
}

static int add_item(struct devspec *spec, const struct item *it, char *why)
{
	const char *dash = memchr(it->text, '-', it->len);
	uint8_t addr[4];

	if (!it->len)
		return complain(why, "an empty host name in the list before ':/'");
	if (it->text[0] == '[')
		return add_ipv6(spec, it, why);
	if (parse_addr(AF_INET, it->text, it->len, addr)) {
		add_host(spec, HOST_IPV4, it->text, it->len);
		return 0;
	}
	/* "node-1" is a name; a dash after a whole address makes a range. */
	if (dash && parse_addr(AF_INET, it->text, dash - it->text, addr)) {
		struct item first = { it->text, dash - it->text };
		struct item last = { dash + 1, it->len - first.len - 1 };

		return add_range(spec, AF_INET, it, &first, &last, why);
	}
	return add_name(spec, it, why);
}

static int add_hosts(struct devspec *spec, size_t len, char *why)
{
	const char *at = spec->text, *end = spec->text + len;

	for (;;) {
		const char *comma = memchr(at, ',', end - at);
		struct item it = { at, (comma ? comma : end) - at };

		if (spec->nr_hosts == SPEC_HOSTS_MAX)
			return complain(why, "the device names more than %d addresses",
					SPEC_HOSTS_MAX);
		if (add_item(spec, &it, why))
			return -1;
		if (!comma)
			return 0;
		at = comma + 1;
	}
}

static int complain_of_form(const char *text, char *why)
{
	const char *bracket = strrchr(text, ']');
	const char *colon = strchr(bracket ? bracket : text, ':');

	if (!*text)
		return complain(why, "the device is empty; HOST[,HOST...]:/PATH is expected");
	if (!strncmp(text, "//", 2))
		return complain(why, "'%.64s' has the form of an SMB share; HOST[,HOST...]:/PATH is expected",
				text);
	if (!colon || !colon[1])
		return complain(why, "no path in '%.64s'; HOST[,HOST...]:/PATH is expected",
				text);
	return complain(why, "the path after '%.*s:' must begin with '/', as in %.*s:/%.64s",
			(int)(colon - text < 64 ? colon - text : 64), text,
			(int)(colon - text < 64 ? colon - text : 64), text,
			colon + 1);
}

int devspec_parse(struct devspec *spec, const char *text, char *why)
{
	const char *sep;

	memset(spec, 0, sizeof(*spec));
	if (strlen(text) >= SPEC_TEXT_MAX)
		return complain(why, "the device is longer than %d characters; a range such as 10.0.0.10-10.0.0.25 is shorter",
				SPEC_TEXT_MAX - 1);
	if (!strncmp(text, "nfs://", 6) || !strncmp(text, "penstock://", 11))
		return complain(why, "'%.64s' is a URL; HOST[,HOST...]:/PATH is expected",
				text);
	sep = strstr(text, ":/");
	if (!sep)
		return complain_of_form(text, why);
	spec->text = xstrndup(text, SPEC_TEXT_MAX);
	spec->path = spec->text + (sep - text) + 1;
	return add_hosts(spec, sep - text, why);
}

void devspec_free(struct devspec *spec)
{
	size_t i;

	for (i = 0; i < spec->nr_hosts; i++)
		free(spec->hosts[i].text);
	free(spec->hosts);
	free(spec->text);
	memset(spec, 0, sizeof(*spec));
}

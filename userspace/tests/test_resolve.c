// SPDX-License-Identifier: GPL-2.0
/* The resolver is replaced (ld --wrap), so no name server is asked. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "check.h"
#include "helper.h"

int __real_getaddrinfo(const char *name, const char *service,
		       const struct addrinfo *hints, struct addrinfo **list);
int __wrap_getaddrinfo(const char *name, const char *service,
		       const struct addrinfo *hints, struct addrinfo **list);

static const struct {
	const char *name;
	const char *addrs[3];
	int code;
} zone[] = {
	{ "two", { "10.0.0.1", "fd00::1" }, 0 },
	{ "three", { "10.0.0.3", "10.0.0.1", "10.0.0.4" }, 0 },
	{ "unknown", { NULL }, EAI_NONAME },
	{ "later", { NULL }, EAI_AGAIN },
};

/* Builds the list of the real function out of numeric look-ups. */
int __wrap_getaddrinfo(const char *name, const char *service,
		       const struct addrinfo *hints, struct addrinfo **list)
{
	struct addrinfo numeric = *hints, **tail = list;
	size_t i, j;

	for (i = 0; i < sizeof(zone) / sizeof(zone[0]); i++) {
		if (strcmp(zone[i].name, name))
			continue;
		if (zone[i].code)
			return zone[i].code;
		numeric.ai_flags = AI_NUMERICHOST;
		for (j = 0; j < 3 && zone[i].addrs[j]; j++) {
			CHECK(!__real_getaddrinfo(zone[i].addrs[j], service,
						  &numeric, tail));
			tail = &(*tail)->ai_next;
		}
		return 0;
	}
	CHECK(hints->ai_flags & AI_NUMERICHOST);
	return __real_getaddrinfo(name, service, hints, list);
}

static char warnings[4096];

static void collect(void *arg, const char *sentence)
{
	(void)arg;
	strcat(warnings, sentence);
	strcat(warnings, "\n");
}

static int resolve(const char *text, char *joined, bool *temporary, char *why)
{
	struct addrlist addrs;
	struct devspec spec;
	size_t i;
	int rc;

	*joined = *warnings = '\0';
	CHECK(!devspec_parse(&spec, text, why));
	rc = resolve_hosts(&spec, &addrs, collect, NULL, temporary, why);
	for (i = 0; !rc && i < addrs.nr; i++) {
		strcat(joined, i ? " " : "");
		strcat(joined, addrs.text[i]);
	}
	addrlist_free(&addrs);
	devspec_free(&spec);
	return rc;
}

int main(void)
{
	char joined[32768], why[WHY_MAX];
	bool temporary;

	/* every address of a name, in order */
	CHECK(!resolve("two:/x", joined, &temporary, why));
	CHECK_STR(joined, "10.0.0.1 fd00::1");
	/* duplicates go, the first place counts */
	CHECK(!resolve("10.0.0.4,two,three,[fd00:0::1]:/x", joined, &temporary, why));
	CHECK_STR(joined, "10.0.0.4 10.0.0.1 fd00::1 10.0.0.3");
	CHECK_STR(warnings, "");
	/* the scope survives, and has to exist */
	CHECK(!resolve("[fe80::1%lo]:/x", joined, &temporary, why));
	CHECK_STR(joined, "fe80::1%lo");
	CHECK(resolve("[fe80::1%nosuch9]:/x", joined, &temporary, why));
	CHECK_HAS(why, "no network interface 'nosuch9'");
	CHECK(!temporary);
	/* one unknown name among others is left out, and said so */
	CHECK(!resolve("unknown,two:/x", joined, &temporary, why));
	CHECK_STR(joined, "10.0.0.1 fd00::1");
	CHECK_HAS(warnings, "cannot resolve host name 'unknown'");
	CHECK_HAS(warnings, "going on without it");
	CHECK(!temporary);
	/* nothing left: an error, and no talk of going on */
	CHECK(resolve("unknown,unknown:/x", joined, &temporary, why));
	CHECK_HAS(why, "cannot resolve host name 'unknown'");
	CHECK_STR(warnings, "");
	CHECK(!temporary);
	CHECK(resolve("later:/x", joined, &temporary, why));
	CHECK_HAS(why, "no name server answers");
	CHECK(temporary);
	/* the kernel's limit */
	CHECK(!resolve("10.1.0.0-10.1.0.255:/x", joined, &temporary, why));
	CHECK(resolve("10.1.0.0-10.1.1.0:/x", joined, &temporary, why));
	CHECK_HAS(why, "257 addresses; the kernel takes up to 256");
	return 0;
}

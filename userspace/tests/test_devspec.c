// SPDX-License-Identifier: GPL-2.0
#include "check.h"
#include "helper.h"

/* Parses @text and compares hosts (joined by blanks) and path. */
static void good(const char *text, const char *hosts, const char *path)
{
	char why[WHY_MAX] = "", joined[4096] = "";
	struct devspec spec;
	size_t i;

	if (devspec_parse(&spec, text, why)) {
		printf("'%s' was refused: %s\n", text, why);
		exit(1);
	}
	for (i = 0; i < spec.nr_hosts; i++) {
		strcat(joined, i ? " " : "");
		strcat(joined, spec.hosts[i].text);
	}
	CHECK_STR(joined, hosts);
	CHECK_STR(spec.path, path);
	CHECK_STR(spec.text, text);
	devspec_free(&spec);
}

static void bad(const char *text, const char *reason)
{
	char why[WHY_MAX] = "";
	struct devspec spec;

	if (!devspec_parse(&spec, text, why)) {
		printf("'%s' was accepted\n", text);
		exit(1);
	}
	CHECK_HAS(why, reason);
	devspec_free(&spec);
}

static void test_hosts(void)
{
	good("node1:/export", "node1", "/export");
	good("node1,node2,10.0.0.10:/", "node1 node2 10.0.0.10", "/");
	good("node-1.rack_2.example.org:/a", "node-1.rack_2.example.org", "/a");
	good("[fd00::1]:/x", "fd00::1", "/x");
	good("[fe80::1%eth0.100],n:/x", "fe80::1%eth0.100 n", "/x");
	good("10.0.0.1,[::1],a:/x", "10.0.0.1 ::1 a", "/x");
	good("1a:/x", "1a", "/x");
}

static void test_kinds(void)
{
	char why[WHY_MAX];
	struct devspec spec;

	CHECK(!devspec_parse(&spec, "a,1.2.3.4,[::1],1.2.3.5-1.2.3.5:/x", why));
	CHECK(spec.nr_hosts == 4);
	CHECK(spec.hosts[0].kind == HOST_NAME);
	CHECK(spec.hosts[1].kind == HOST_IPV4);
	CHECK(spec.hosts[2].kind == HOST_IPV6);
	CHECK(spec.hosts[3].kind == HOST_IPV4);
	devspec_free(&spec);
}

static void test_paths(void)
{
	good("n:/a:b", "n", "/a:b");
	good("n:/a:/b", "n", "/a:/b");
	good("n:/with blank, comma", "n", "/with blank, comma");
	good("[::1]:/a]:/b", "::1", "/a]:/b");
}

static void test_ranges(void)
{
	good("10.0.0.10-10.0.0.12:/x", "10.0.0.10 10.0.0.11 10.0.0.12", "/x");
	good("10.0.0.254-10.0.1.1:/x",
	     "10.0.0.254 10.0.0.255 10.0.1.0 10.0.1.1", "/x");
	good("a,10.0.0.1-10.0.0.2,b:/x", "a 10.0.0.1 10.0.0.2 b", "/x");
	good("255.255.255.254-255.255.255.255:/x",
	     "255.255.255.254 255.255.255.255", "/x");
	good("[fd00::fe]-[fd00::101]:/x", "fd00::fe fd00::ff fd00::100 fd00::101",
	     "/x");
	good("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]-[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:/x",
	     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "/x");
	bad("10.0.0.12-10.0.0.10:/x", "runs backwards");
	bad("[fd00::2]-[fd00::1]:/x", "runs backwards");
	bad("10.0.0.10-12:/x", "both ends must be whole addresses");
	bad("10.0.0.10-node:/x", "both ends must be whole addresses");
	bad("10.0.0.10-:/x", "both ends must be whole addresses");
	bad("[fd00::1]-[10.0.0.1]:/x", "both ends must be whole addresses");
	bad("[fd00::1]-[]:/x", "both ends");
	bad("[fd00::1%eth0]-[fd00::2]:/x", "both ends");
}

static void test_limit(void)
{
	char text[SPEC_TEXT_MAX + 8], why[WHY_MAX];
	struct devspec spec;

	CHECK(!devspec_parse(&spec, "10.0.0.0-10.0.3.255:/x", why));
	CHECK(spec.nr_hosts == SPEC_HOSTS_MAX);
	CHECK_STR(spec.hosts[SPEC_HOSTS_MAX - 1].text, "10.0.3.255");
	devspec_free(&spec);
	bad("10.0.0.0-10.0.4.0:/x", "more than 1024 addresses");
	bad("0.0.0.0-255.255.255.255:/x", "more than 1024 addresses");
	bad("10.0.0.0-10.0.3.255,a:/x", "more than 1024 addresses");
	bad("[::]-[ffff::]:/x", "more than 1024 addresses");

	memset(text, 'a', sizeof(text));
	memcpy(text, "n:/", 3);
	text[SPEC_TEXT_MAX] = '\0';
	bad(text, "longer than 4095");
	text[SPEC_TEXT_MAX - 1] = '\0';
	CHECK(!devspec_parse(&spec, text, why));
	devspec_free(&spec);
	memset(text, 'a', sizeof(text));
	strcpy(text + 254, ":/");
	bad(text, "longer than 253");
}

static void test_form(void)
{
	bad("", "is empty");
	bad("/dev/sda1", "no path");
	bad("node1", "no path in 'node1'");
	bad("node1:", "no path");
	bad("node1:export", "must begin with '/', as in node1:/export");
	bad("[fd00::1]:export", "must begin with '/', as in [fd00::1]:/export");
	bad("[fd00::1]", "no path");
	bad(":/export", "empty host name");
	bad("a,:/export", "empty host name");
	bad(",a:/export", "empty host name");
	bad("a,,b:/export", "empty host name");
	bad("//server/share", "SMB");
	bad("nfs://server/export", "URL");
}

static void test_names(void)
{
	bad("fd00::1:/x", "brackets: [fd00::1]");
	bad("node1:2049:/x", "-o port=2049");
	bad("a:b:/x", "contains a colon");
	bad("[fd00::1:/x", "closing bracket");
	bad("[fd00::1]x:/x", "nothing may follow");
	bad("[fd00::1]:2049:/x", "nothing may follow");
	bad("[node1]:/x", "not an IPv6 address");
	bad("[]:/x", "not an IPv6 address");
	bad("[::1%]:/x", "network interface");
	bad("[::1%et/0]:/x", "network interface");
	bad("[::1%abcdefghijklmnop]:/x", "network interface");
	bad("10.0.0.300:/x", "not an IPv4 address");
	bad("10.0.0:/x", "not an IPv4 address");
	bad("a b:/x", "contains a blank");
	bad("a, b:/x", "contains a blank");
	bad("a/b:/x", "contains '/'");
	bad("a\001:/x", "contains '?'");
	bad("-a:/x", "begins with '-'");
}

int main(void)
{
	test_hosts();
	test_kinds();
	test_paths();
	test_ranges();
	test_limit();
	test_form();
	test_names();
	return 0;
}

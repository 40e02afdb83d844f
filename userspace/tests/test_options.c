// SPDX-License-Identifier: GPL-2.0
#include <sys/mount.h>

#include "check.h"
#include "helper.h"

static struct options opts;
static char why[WHY_MAX];

static int parse(const char *live, const char *list, bool sloppy)
{
	options_free(&opts);
	options_init(&opts);
	opts.live = live;
	*why = '\0';
	return options_parse(&opts, list, sloppy, why);
}

/* The file system's parameters, joined. */
static const char *params(void)
{
	static char joined[4096];
	size_t i;

	*joined = '\0';
	for (i = 0; i < opts.nr_params; i++) {
		strcat(joined, i ? " " : "");
		strcat(joined, opts.params[i].key);
		if (opts.params[i].value) {
			strcat(joined, "=");
			strcat(joined, opts.params[i].value);
		}
	}
	return joined;
}

static void good(const char *list, const char *want)
{
	if (parse(NULL, list, false)) {
		printf("'%s' was refused: %s\n", list, why);
		exit(1);
	}
	CHECK_STR(params(), want);
}

static void bad(const char *list, const char *reason)
{
	if (!parse(NULL, list, false)) {
		printf("'%s' was accepted\n", list);
		exit(1);
	}
	CHECK_HAS(why, reason);
}

static void test_fs_words(void)
{
	good("", "");
	good(",,", "");
	good("port=20049", "port=20049");
	CHECK(opts.port == 20049);
	good("vers=4.1,soft,timeout=5,noac", "vers=4.1 soft timeout=5 noac");
	CHECK(opts.soft && opts.timeout);
	good("soft,hard", "soft hard");
	CHECK(!opts.soft && options_port(&opts) == 2049);
	good("proto=rdma", "proto=rdma");
	CHECK(opts.transport == TRANSPORT_RDMA && options_port(&opts) == 20049);
	good("proto=rdma,proto=auto,port=7", "proto=rdma proto=auto port=7");
	CHECK(opts.transport == TRANSPORT_AUTO && options_port(&opts) == 7);
	good("proto=tcp,xprtsec=none", "proto=tcp xprtsec=none");
	CHECK(opts.transport == TRANSPORT_TCP);
	good("nfsvers=4.2", "vers=4.2");
	good("rsize=1M,wsize=64k", "rsize=1048576 wsize=65536");
	good("rsize=16777216,actimeo=0,proto=tcp,sec=sys",
	     "rsize=16777216 actimeo=0 proto=tcp sec=sys");
	good("retry=3", "");
	CHECK(opts.retry == 3);
	good("context=\"u:r:t:s0:c1,c2\",noac", "context=u:r:t:s0:c1,c2 noac");
}

static void test_gpudirect(void)
{
	good("gpudirect=require,proto=rdma", "gpudirect=require proto=rdma");
	bad("gpudirect", "needs a value");
	bad("gpudirect=on", "gpudirect");
}

static void test_rails(void)
{
	good("paths=8,rails=eth1", "paths=8 rails=eth1");
	good("rails=eth1,eth2,192.168.7.0/24,soft", "rails=eth1 rails=eth2 rails=192.168.7.0/24 soft");
	good("rails=\"eth1,eth2\",noac", "rails=eth1 rails=eth2 noac");
	good("rails=eth1,rails=eth2", "rails=eth1 rails=eth2");
	bad("rails", "needs a value: rails=INTERFACE[,INTERFACE...]");
	bad("rails=eth1,soft,eth2", "unknown option 'eth2'");
	bad("rails=eth1,rszie=1M", "did you mean 'rsize'?");
	bad("paths=0", "from 1 to 64");
	bad("paths=65", "from 1 to 64");
}

static void test_flags(void)
{
	good("ro,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow", "");
	CHECK(opts.read_only);
	CHECK(opts.attrs == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			     MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME |
			     MOUNT_ATTR_NODIRATIME | 0x200000));
	good("ro,rw,nosuid,suid,noatime,strictatime,sync,async", "");
	CHECK(!opts.read_only && !opts.sync);
	CHECK(opts.attrs == MOUNT_ATTR_STRICTATIME);
	good("user,exec", "");
	CHECK(opts.attrs == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
	good("sync,dirsync,lazytime", "");
	CHECK(opts.sync && opts.dirsync && opts.lazytime);
}

static void test_fstab_words(void)
{
	good("defaults,_netdev,auto,noauto,nofail,users,comment=a b,fg", "");
	CHECK(!opts.utab);
	good("x-systemd.automount,noac,x-a=b", "noac");
	CHECK_STR(opts.utab, "x-systemd.automount,x-a=b");
}

static void test_bad_values(void)
{
	bad("port=0", "option 'port=0': a number from 1 to 65535");
	bad("port=65536", "from 1 to 65535");
	bad("port=abc", "from 1 to 65535");
	bad("port=-1", "from 1 to 65535");
	bad("port= 1", "from 1 to 65535");
	bad("port=1k", "from 1 to 65535");
	bad("port", "needs a value: port=NUMBER");
	bad("port=", "needs a value");
	bad("rsize=4095", "from 4096 to 16777216");
	bad("rsize=17M", "from 4096");
	bad("rsize=k", "from 4096");
	bad("rsize=99999999999999999999999999", "from 4096");
	bad("rsize=4294967295M", "from 4096");
	bad("soft=1", "'soft' takes no value");
	bad("ro=1", "'ro' takes no value");
	bad("vers=3", "penstock speaks NFSv4.1 and 4.2");
	bad("nfsvers=4", "penstock speaks NFSv4.1 and 4.2");
	bad("vers", "vers=4.1|4.2");
	bad("sec=krb6", "only sec=sys|krb5|krb5i|krb5p");
	bad("proto=tcp6", "only proto=tcp|rdma|auto");
	bad("proto=rdm", "only proto=tcp|rdma|auto");
	bad("proto=", "needs a value: proto=tcp|rdma|auto");
	bad("rdma", "'rdma' is not supported: use proto=rdma");
	bad("xprtsec=ssl", "only xprtsec=none|tls|mtls");
	bad("proto_why=x", "not for people");
}

static void test_unknown(void)
{
	bad("rszie=1M", "unknown option 'rszie=1M'; did you mean 'rsize'?");
	bad("noacc", "did you mean 'noac'?");
	bad("tiemout=5", "did you mean 'timeout'?");
	bad("nosudi", "did you mean 'nosuid'?");
	bad("frobnicate=1", "unknown option 'frobnicate=1'");
	CHECK(!strstr(why, "did you mean"));
	bad("q", "unknown option 'q'");
	CHECK(!strstr(why, "did you mean"));
	bad("=1", "unknown option '=1'");
	bad("ADDR=1", "unknown option");
	bad("addr=10.0.0.1", "name the addresses in the device");
	bad("nconnect=8", "'nconnect' is not supported: use paths=N");
	bad("bg", "x-systemd.automount");
	bad("timeo=600", "timeout=SECONDS");
	CHECK(!parse(NULL, "frobnicate=1,noac", true));
	CHECK(opts.nr_ignored == 1);
	CHECK_STR(params(), "noac");
	/* sloppy is about words, not about values */
	CHECK(parse(NULL, "port=abc", true));
}

/* mount(8) puts what the mount shows before what was asked for. */
static void test_remount_rails(void)
{
	static const char live[] = "rw,rails=eth0,rails=eth1,addr=10.0.0.1";

	CHECK(!parse(live, "rw,rails=eth0,rails=eth1,addr=10.0.0.1,remount,noac", false));
	options_drop_unchanged(&opts);
	CHECK(opts.nr_params == 1);
	CHECK(!parse(live, "rw,rails=eth0,rails=eth1,addr=10.0.0.1,remount,rails=eth1", false));
	options_drop_unchanged(&opts);
	CHECK(opts.nr_params == 1 && !strcmp(opts.params[0].value, "eth1"));
	CHECK(!parse(live, "remount,rails=eth0,eth1,eth2", false));
	options_drop_unchanged(&opts);
	CHECK(opts.nr_params == 3);
}

/* New addresses take names along where the mount has TLS, named again or not. */
static void test_remount_tls(void)
{
	CHECK(!parse("rw,xprtsec=mtls,addr=10.0.0.1,servername=node1", "remount,noac", false));
	CHECK(opts.tls && !opts.mutual);
	CHECK(!parse("rw,addr=10.0.0.1", "remount,noac", false));
	CHECK(!opts.tls);
}

static void test_remount(void)
{
	static const char live[] =
		"rw,relatime,vers=4.2,rsize=1048576,hard,future=7,addr=10.0.0.1";

	CHECK(options_ask_remount("ro,remount"));
	CHECK(!options_ask_remount("ro,remounts,x-remount"));
	CHECK(!parse(live, "rw,relatime,vers=4.2,rsize=1M,hard,future=7,addr=10.0.0.1,remount,ro,noac",
		     false));
	CHECK(opts.remount && opts.read_only);
	options_drop_unchanged(&opts);
	CHECK_STR(params(), "noac");
	CHECK(!parse(live, "remount,soft,vers=4.1", false));
	options_drop_unchanged(&opts);
	CHECK_STR(params(), "soft vers=4.1");
	/* a word that the live mount does not show stays unknown */
	CHECK(parse(live, "remount,future=8", false));
	CHECK_HAS(why, "future=8");
}

int main(void)
{
	test_fs_words();
	test_gpudirect();
	test_rails();
	test_flags();
	test_fstab_words();
	test_bad_values();
	test_unknown();
	test_remount();
	test_remount_rails();
	test_remount_tls();
	options_free(&opts);
	return 0;
}

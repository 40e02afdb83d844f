// SPDX-License-Identifier: GPL-2.0
/*
 * mount.penstock - called by mount(8) for "mount -t penstock"
 *
 * Resolves names, checks options, mounts through the kernel's fs_context and
 * turns what goes wrong into a sentence with advice.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "helper.h"

#ifndef VERSION
#error "VERSION comes from the Makefile"
#endif

#define RETRY_PAUSE_MAX	10	/* seconds */

struct request {
	const char *spec_text;
	const char *dir_text;
	char *dir;		/* canonical */
	char *list;		/* all -o lists, joined */
	char *live;		/* in a remount: options and device as they are */
	char *live_device;
	const char *mntns;	/* -N: mount namespace */
	bool verbose, fake, sloppy, no_utab;
	struct devspec spec;
	struct options opts;
	struct addrlist addrs;
};

static void say(const struct request *req, const char *level,
		const char *sentence)
{
	fprintf(stderr, "mount.penstock: %s on %s: %s%s\n", req->spec_text,
		req->dir ? req->dir : req->dir_text, level, sentence);
}

static void warn_about(void *arg, const char *sentence)
{
	say(arg, "warning: ", sentence);
}

static int usage(FILE *out)
{
	fputs("Usage: mount.penstock HOST[,HOST...]:/PATH DIRECTORY [-fnrsvw] [-N NS] [-o OPTIONS]\n"
	      "\n"
	      "  HOST  a name, an IPv4 address, [an IPv6 address], or a range of\n"
	      "        addresses such as 10.0.0.10-10.0.0.25\n"
	      "\n"
	      "  -f  check everything, but do not mount\n"
	      "  -n  write no entry into /run/mount/utab\n"
	      "  -N  mount in another mount namespace (process id or file)\n"
	      "  -o  options, see mount.penstock(8)\n"
	      "  -r  read-only, as -o ro\n"
	      "  -s  ignore unknown options\n"
	      "  -v  say what is done\n"
	      "  -w  read-write, as -o rw\n"
	      "  -h  this help\n"
	      "  -V  version\n"
	      "\n"
	      "It is run by mount(8): mount -t penstock node1,node2:/export /mnt\n",
	      out);
	return out == stdout ? EXIT_OK : EXIT_USAGE;
}

static void add_list(struct request *req, const char *more)
{
	size_t old = req->list ? strlen(req->list) : 0;

	req->list = xrealloc(req->list, old + strlen(more) + 2, 1);
	sprintf(req->list + old, "%s%s", old ? "," : "", more);
}

/* Returns -1 to go on, otherwise the exit status. */
static int parse_command_line(struct request *req, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "fake", no_argument, NULL, 'f' },
		{ "no-mtab", no_argument, NULL, 'n' },
		{ "namespace", required_argument, NULL, 'N' },
		{ "options", required_argument, NULL, 'o' },
		{ "types", required_argument, NULL, 't' },
		{ "read-only", no_argument, NULL, 'r' },
		{ "rw", no_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "fhnN:o:rst:vVw", longopts,
				NULL)) != -1) {
		switch (c) {
		case 'f':
			req->fake = true;
			break;
		case 'h':
			return usage(stdout);
		case 'n':
			req->no_utab = true;
			break;
		case 'N':
			req->mntns = optarg;
			break;
		case 'o':
			add_list(req, optarg);
			break;
		case 'r':
			add_list(req, "ro");
			break;
		case 's':
			req->sloppy = true;
			break;
		case 't':
			/* mount(8) repeats the type when it has a subtype */
			if (strcmp(optarg, PENSTOCK_FSTYPE)) {
				fprintf(stderr, "mount.penstock: cannot mount type '%s'\n",
					optarg);
				return EXIT_USAGE;
			}
			break;
		case 'v':
			req->verbose = true;
			break;
		case 'V':
			puts("mount.penstock " VERSION);
			return EXIT_OK;
		case 'w':
			add_list(req, "rw");
			break;
		default:
			return usage(stderr);
		}
	}
	if (argc - optind != 2) {
		fprintf(stderr, "mount.penstock: a device and a directory are expected, %d argument%s given\n",
			argc - optind, argc - optind == 1 ? " was" : "s were");
		return usage(stderr);
	}
	req->spec_text = argv[optind];
	req->dir_text = argv[optind + 1];
	return -1;
}

static int find_directory(struct request *req)
{
	char why[WHY_MAX];
	struct stat st;

	req->dir = realpath(req->dir_text, NULL);
	if (!req->dir || stat(req->dir, &st)) {
		complain(why, "mount point %.300s: %s", req->dir_text,
			 strerror(errno));
		say(req, "", why);
		return EXIT_FAIL;
	}
	if (!S_ISDIR(st.st_mode)) {
		say(req, "", "the mount point is not a directory");
		return EXIT_FAIL;
	}
	return EXIT_OK;
}

static int parse_options(struct request *req)
{
	struct options *opts = &req->opts;
	char why[WHY_MAX];

	opts->live = req->live;
	if (options_parse(opts, req->list ? req->list : "", req->sloppy, why)) {
		say(req, "", why);
		return EXIT_USAGE;
	}
	if (opts->timeout && !opts->soft)
		say(req, "warning: ", "timeout= has no effect without soft: a hard mount waits for as long as it takes");
	if (opts->nr_ignored && req->verbose)
		say(req, "", "unknown options were ignored because of -s");
	return EXIT_OK;
}

static int resolve(struct request *req, bool *temporary)
{
	char why[WHY_MAX];
	size_t i;

	addrlist_free(&req->addrs);
	if (resolve_hosts(&req->spec, &req->addrs, warn_about, req, temporary,
			  why)) {
		say(req, "", why);
		return EXIT_FAIL;
	}
	for (i = 0; req->verbose && i < req->addrs.nr; i++)
		printf("mount.penstock: address %s\n", req->addrs.text[i]);
	return EXIT_OK;
}

static int enter_namespace(const struct request *req)
{
	char path[PATH_MAX];
	bool number = req->mntns[strspn(req->mntns, "0123456789")] == '\0';
	int fd, rc;

	snprintf(path, sizeof(path), number ? "/proc/%s/ns/mnt" : "%s",
		 req->mntns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	rc = fd < 0 ? -1 : setns(fd, CLONE_NEWNS);
	if (rc)
		fprintf(stderr, "mount.penstock: cannot enter mount namespace %s: %s\n",
			path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc ? EXIT_FAIL : EXIT_OK;
}

/*
 * fsopen(2), loading the module if need be.  modprobe and the resolver must
 * run in the namespace of the caller, where their files are.
 */
static int open_context(struct fsctx *ctx)
{
	char complaint[WHY_MAX];
	enum module_state state;

	if (!fsctx_open(ctx))
		return EXIT_OK;
	if (ctx->fail->error != ENODEV) {
		explain(stderr, ctx->fail);
		return ctx->fail->error == EPERM ? EXIT_USAGE : EXIT_FAIL;
	}
	state = module_load(PENSTOCK_FSTYPE, complaint);
	if (state == MODULE_LOADED && !fsctx_open(ctx))
		return EXIT_OK;
	module_explain(stderr, ctx->fail->spec, ctx->fail->dir, state,
		       complaint);
	return EXIT_FAIL;
}

/*
 * The kernel loads penstock_rdma by itself for proto=rdma only: who leaves the
 * choice open on a host without RDMA is not to get modules of no use.
 */
static void offer_rdma(const struct request *req)
{
	char reason[WHY_MAX], why[WHY_MAX];

	if (req->opts.transport != TRANSPORT_AUTO || !module_want_rdma(reason))
		return;
	complain(why, "this machine has an RDMA device, but penstock_rdma cannot be loaded: TCP is used (proto=tcp asks for that): %.300s",
		 reason);
	say(req, "warning: ", why);
}

static int set_params(struct fsctx *ctx, const struct options *opts)
{
	size_t i;

	for (i = 0; i < opts->nr_params; i++) {
		const struct kparam *param = &opts->params[i];

		if (param->value ? fsctx_set(ctx, param->key, param->value) :
				   fsctx_flag(ctx, param->key))
			return -1;
	}
	if (opts->sync && fsctx_flag(ctx, "sync"))
		return -1;
	if (opts->dirsync && fsctx_flag(ctx, "dirsync"))
		return -1;
	if (opts->lazytime && fsctx_flag(ctx, "lazytime"))
		return -1;
	return opts->read_only ? fsctx_flag(ctx, "ro") : 0;
}

/* With TLS each address needs the name that its certificate is to bear. */
static int set_addrs(struct fsctx *ctx, const struct request *req)
{
	size_t i;

	for (i = 0; i < req->addrs.nr; i++) {
		if (fsctx_set(ctx, "addr", req->addrs.text[i]))
			return -1;
		if (req->opts.tls &&
		    fsctx_set(ctx, "servername", req->addrs.host[i]))
			return -1;
	}
	return 0;
}

static int set_source(struct fsctx *ctx, const struct request *req)
{
	if (fsctx_set(ctx, "source", req->spec.text))
		return -1;
	return set_addrs(ctx, req);
}

/* The keys that penstock cred has put away; without any tlshd has its own. */
static int set_keys(struct fsctx *ctx, const struct options *opts)
{
	int cert = keyring_find(KEY_TLS_CERT), key = keyring_find(KEY_TLS_PRIVKEY);
	char text[16];

	if (!opts->mutual || opts->serials || !cert || !key)
		return 0;
	snprintf(text, sizeof(text), "%d", cert);
	if (fsctx_set(ctx, "cert_serial", text))
		return -1;
	snprintf(text, sizeof(text), "%d", key);
	return fsctx_set(ctx, "privkey_serial", text);
}

static uint64_t mount_attrs(const struct options *opts)
{
	return opts->attrs | (opts->read_only ? MOUNT_ATTR_RDONLY : 0);
}

static void record(const struct request *req)
{
	char why[WHY_MAX];
	int rc;

	if (req->no_utab)
		return;
	/* a mount keeps its first device, by which umount(8) knows it */
	rc = utab_record(req->live_device ? req->live_device : req->spec.text,
			 req->dir, req->opts.utab, req->opts.remount);
	if (!rc)
		return;
	complain(why, "mounted, but /run/mount/utab cannot be written (%s); if umount fails, use umount -i",
		 strerror(-rc));
	say(req, "warning: ", why);
}

static struct failure new_failure(const struct request *req)
{
	return (struct failure) {
		.spec = req->spec.text,
		.dir = req->dir ? req->dir : req->dir_text,
		.path = req->spec.path,
		.port = options_port(&req->opts),
	};
}

/* One attempt; *@temporary says whether another may fare better. */
static int try_mount(struct request *req, bool *temporary)
{
	struct failure fail = new_failure(req);
	struct fsctx ctx = { .fd = -1, .fail = &fail, .verbose = req->verbose };
	int status;

	status = resolve(req, temporary);
	if (status || req->fake)
		return status;
	status = open_context(&ctx);
	if (status)
		goto out;
	offer_rdma(req);
	if (req->mntns) {
		status = enter_namespace(req);
		req->mntns = NULL;
		if (!status)
			status = find_directory(req);
		if (status)
			goto out;
		fail.dir = req->dir;
	}
	if (set_source(&ctx, req) || set_params(&ctx, &req->opts) ||
	    set_keys(&ctx, &req->opts) ||
	    fsctx_create(&ctx) ||
	    fsctx_attach(&ctx, mount_attrs(&req->opts), req->dir)) {
		explain(stderr, &fail);
		*temporary = error_is_temporary(&fail);
		status = EXIT_FAIL;
	}
out:
	fsctx_close(&ctx);
	return status;
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec;
}

static int do_mount(struct request *req)
{
	time_t end = now() + (time_t)req->opts.retry * 60;
	unsigned int pause = 1;
	char why[WHY_MAX];
	int status;

	for (;;) {
		bool temporary = false;

		status = try_mount(req, &temporary);
		if (!status || !temporary || now() >= end)
			break;
		complain(why, "trying again in %u s, for %ld s more (retry=%u)",
			 pause, (long)(end - now()), req->opts.retry);
		say(req, "", why);
		sleep(pause);
		pause = pause * 2 < RETRY_PAUSE_MAX ? pause * 2 : RETRY_PAUSE_MAX;
	}
	if (!status && !req->fake)
		record(req);
	if (!status && req->verbose)
		printf("mount.penstock: %s on %s: %s\n", req->spec.text,
		       req->dir ? req->dir : req->dir_text,
		       req->fake ? "would be mounted (-f)" : "mounted");
	return status;
}

/*
 * Another device than the mount has: other addresses for the same directory.
 * With the same one, names keep the addresses that they were resolved to.
 */
static int remount_addrs(struct request *req)
{
	const char *path = req->live_device ? strstr(req->live_device, ":/") : NULL;
	bool temporary;

	if (!path || !strcmp(req->live_device, req->spec.text))
		return EXIT_OK;
	if (strcmp(path + 1, req->spec.path)) {
		say(req, "", "cannot remount: another directory of the server is mounted there");
		return EXIT_FAIL;
	}
	return resolve(req, &temporary);
}

/* As with MS_REMOUNT, flags that the list does not name are reset. */
static int do_remount(struct request *req)
{
	struct options *opts = &req->opts;
	struct failure fail = new_failure(req);
	struct fsctx ctx = { .fd = -1, .fail = &fail, .verbose = req->verbose };
	int status = remount_addrs(req);

	options_drop_unchanged(opts);
	if (status || req->fake)
		return status;
	status = EXIT_FAIL;
	if (fsctx_pick(&ctx, req->dir) || set_addrs(&ctx, req) ||
	    set_params(&ctx, opts) ||
	    (!opts->read_only && fsctx_flag(&ctx, "rw")) ||
	    (!opts->sync && fsctx_flag(&ctx, "async")) ||
	    (!opts->lazytime && fsctx_flag(&ctx, "nolazytime")) ||
	    fsctx_reconfigure(&ctx) ||
	    fsctx_reset_attrs(&ctx, mount_attrs(opts), req->dir)) {
		explain(stderr, &fail);
		goto out;
	}
	status = EXIT_OK;
	record(req);
out:
	fsctx_close(&ctx);
	return status;
}

/* What the directory shows now, for a remount. */
static int read_live_mount(struct request *req)
{
	char *type;

	req->live = utab_live_options(req->dir, &type, &req->live_device);
	if (!type || strcmp(type, PENSTOCK_FSTYPE)) {
		say(req, "", type ? "cannot remount: another type of file system is mounted there" :
				    "cannot remount: it is not a mount point");
		free(type);
		return EXIT_FAIL;
	}
	free(type);
	return EXIT_OK;
}

static int run(struct request *req)
{
	bool remount = req->list && options_ask_remount(req->list);
	char why[WHY_MAX];
	int status;

	if (devspec_parse(&req->spec, req->spec_text, why)) {
		say(req, "", why);
		return EXIT_USAGE;
	}
	if (remount && req->mntns) {
		status = enter_namespace(req);
		req->mntns = NULL;
		if (status)
			return status;
	}
	if (!req->mntns) {
		status = find_directory(req);
		if (status)
			return status;
	}
	if (remount) {
		status = read_live_mount(req);
		if (status)
			return status;
	}
	status = parse_options(req);
	if (status)
		return status;
	return remount ? do_remount(req) : do_mount(req);
}

int main(int argc, char **argv)
{
	struct request req = { 0 };
	int status;

	if (getuid() != geteuid()) {
		fputs("mount.penstock: must not be installed set-user-ID\n", stderr);
		return EXIT_USAGE;
	}
	options_init(&req.opts);
	status = parse_command_line(&req, argc, argv);
	if (status < 0)
		status = run(&req);
	addrlist_free(&req.addrs);
	options_free(&req.opts);
	devspec_free(&req.spec);
	free(req.live);
	free(req.live_device);
	free(req.list);
	free(req.dir);
	return status;
}

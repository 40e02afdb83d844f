// SPDX-License-Identifier: GPL-2.0
/*
 * penstock path add|remove MOUNT ADDRESS|RAIL...: other paths for a live mount.
 * penstock path refresh MOUNT: what the device's names resolve to now.
 * penstock path show: penstock paths.
 *
 * Each is a remount that gives the kernel the whole new list (paths.rst).
 */
#include <errno.h>
#include <mntent.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "helper.h"

/* How long a new address has to show what it is. */
#define PROOF_TENTHS	80

/* @name: what the certificate of an address is to bear, as far as it is known. */
struct list {
	char **text;
	char **name;
	size_t nr;
};

/* What a mount's paths are made of; @rails is empty when none were named. */
struct live {
	const char *dir;
	char *device;
	struct list addrs, rails;
	bool tls;
	bool new_addrs, new_rails;	/* to be told to the kernel */
};

static void list_add(struct list *list, const char *text, size_t len)
{
	list->text = xrealloc(list->text, list->nr + 1, sizeof(*list->text));
	list->name = xrealloc(list->name, list->nr + 1, sizeof(*list->name));
	list->name[list->nr] = NULL;
	list->text[list->nr++] = xstrndup(text, len);
}

/* Of what was added last. */
static void list_name(struct list *list, const char *name, size_t len)
{
	if (!list->nr)
		return;
	free(list->name[list->nr - 1]);
	list->name[list->nr - 1] = xstrndup(name, len);
}

static void list_free(struct list *list)
{
	while (list->nr) {
		free(list->text[--list->nr]);
		free(list->name[list->nr]);
	}
	free(list->text);
	free(list->name);
	list->text = NULL;
	list->name = NULL;
}

/* The same address, however the kernel and the resolver spell it? */
static bool same_addr(const char *a, const char *b)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *one = NULL, *two = NULL;
	bool same;

	same = !getaddrinfo(a, NULL, &hints, &one) &&
	       !getaddrinfo(b, NULL, &hints, &two) &&
	       one->ai_addrlen == two->ai_addrlen &&
	       !memcmp(one->ai_addr, two->ai_addr, one->ai_addrlen);
	if (one)
		freeaddrinfo(one);
	if (two)
		freeaddrinfo(two);
	return same;
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a, b);
}

/* Index of @text in @list, or list->nr. */
static size_t list_find(const struct list *list, const char *text,
			bool (*same)(const char *a, const char *b))
{
	size_t i;

	for (i = 0; i < list->nr && !same(list->text[i], text); i++)
		;
	return i;
}

static void list_drop(struct list *list, size_t i)
{
	free(list->text[i]);
	free(list->name[i]);
	list->nr--;
	memmove(&list->text[i], &list->text[i + 1],
		(list->nr - i) * sizeof(*list->text));
	memmove(&list->name[i], &list->name[i + 1],
		(list->nr - i) * sizeof(*list->name));
}

/* ---- what is there ---- */

static void read_options(struct live *live, const char *opts)
{
	size_t len;

	for (; *opts; opts += len + (opts[len] == ',')) {
		len = strcspn(opts, ",");
		if (!strncmp(opts, "addr=", 5))
			list_add(&live->addrs, opts + 5, len - 5);
		else if (!strncmp(opts, "rails=", 6))
			list_add(&live->rails, opts + 6, len - 6);
		else if (!strncmp(opts, "servername=", 11))
			list_name(&live->addrs, opts + 11, len - 11);
		else if (!strncmp(opts, "xprtsec=", 8))
			live->tls = strncmp(opts + 8, "none", 4);
	}
}

static int read_live(struct live *live)
{
	FILE *in = setmntent("/proc/self/mounts", "r");
	struct mntent *m;

	while (in && (m = getmntent(in))) {
		if (strcmp(m->mnt_dir, live->dir))
			continue;
		list_free(&live->addrs);
		list_free(&live->rails);
		free(live->device);
		live->device = NULL;
		live->tls = false;
		if (strcmp(m->mnt_type, PENSTOCK_FSTYPE))
			continue;
		live->device = xstrndup(m->mnt_fsname, strlen(m->mnt_fsname));
		read_options(live, m->mnt_opts);
	}
	if (in)
		endmntent(in);
	if (live->device)
		return 0;
	fprintf(stderr, "penstock: %s: not the mount point of a penstock mount\n",
		live->dir);
	return -1;
}

/* No rails were named: those that are in use. */
static int find_rails(struct live *live)
{
	struct paths now;
	size_t i;

	if (live->rails.nr)
		return 0;
	if (paths_read(live->dir, &now))
		return -1;
	for (i = 0; i < now.nr; i++) {
		const char *rail = now.path[i].rail;

		if (strcmp(rail, "-") &&
		    list_find(&live->rails, rail, same_text) == live->rails.nr)
			list_add(&live->rails, rail, strlen(rail));
	}
	paths_free(&now);
	return 0;
}

/* ---- telling the kernel ---- */

static int set_list(struct fsctx *ctx, const char *key, const struct list *list,
		    bool names)
{
	size_t i;

	for (i = 0; i < list->nr; i++) {
		if (fsctx_set(ctx, key, list->text[i]))
			return -1;
		if (names && list->name[i] &&
		    fsctx_set(ctx, "servername", list->name[i]))
			return -1;
	}
	return 0;
}

static int apply(const struct live *live)
{
	struct failure fail = { .spec = live->device, .dir = live->dir };
	struct fsctx ctx = { .fd = -1, .fail = &fail };
	int rc = fsctx_pick(&ctx, live->dir);

	if (!rc && live->new_addrs)
		rc = set_list(&ctx, "addr", &live->addrs, live->tls);
	if (!rc && live->new_rails)
		rc = set_list(&ctx, "rails", &live->rails, false);
	if (!rc)
		rc = fsctx_reconfigure(&ctx);
	if (rc)
		fprintf(stderr, "penstock: %s: %s\n", live->dir,
			fail.kernel ? fail.kernel : strerror(fail.error));
	fsctx_close(&ctx);
	return rc ? EXIT_FAIL : EXIT_OK;
}

/* "ADDRESS:PORT" or "[ADDRESS]:PORT", as the kernel shows paths */
static bool is_path_to(const struct path *path, const char *addr)
{
	const char *end = strrchr(path->addr, ':'), *begin = path->addr;
	char *text;
	bool same;

	if (!end)
		return false;
	if (*begin == '[') {
		begin++;
		end--;
	}
	text = xstrndup(begin, end - begin);
	same = same_addr(text, addr);
	free(text);
	return same;
}

/* 1: it is live, -1: it is another server's, 0: neither yet */
static int proof(const struct live *live, const char *addr)
{
	struct paths now;
	int found = 0;
	size_t i;

	if (paths_read(live->dir, &now))
		return -1;
	for (i = 0; i < now.nr && found <= 0; i++) {
		if (!is_path_to(&now.path[i], addr))
			continue;
		if (!strcmp(now.path[i].state, "LIVE"))
			found = 1;
		else if (!strcmp(now.path[i].state, "REFUSED"))
			found = -1;
	}
	paths_free(&now);
	return found;
}

static int await_proof(const struct live *live, const char *addr)
{
	const struct timespec tenth = { .tv_nsec = 100000000 };
	int found, n;

	for (n = 0; !(found = proof(live, addr)) && n < PROOF_TENTHS; n++)
		nanosleep(&tenth, NULL);
	if (found > 0)
		return EXIT_OK;
	if (found < 0)
		fprintf(stderr, "penstock: %s: %s is another server, or needs a session of its own; it is not used (see dmesg)\n",
			live->dir, addr);
	else
		fprintf(stderr, "penstock: %s: %s does not answer yet, or the mount has paths enough; see penstock paths\n",
			live->dir, addr);
	return EXIT_FAIL;
}

/* ---- what was asked for ---- */

static void warn(void *arg, const char *sentence)
{
	bool *incomplete = arg;

	*incomplete = true;
	fprintf(stderr, "penstock: %s\n", sentence);
}

/* The addresses of the hosts in @device; 0 or -1 */
static int resolve(const char *device, struct addrlist *addrs, bool *incomplete)
{
	struct devspec spec = {};
	char why[WHY_MAX];
	bool temporary;
	int rc = devspec_parse(&spec, device, why);

	if (!rc)
		rc = resolve_hosts(&spec, addrs, warn, incomplete, &temporary, why);
	if (rc)
		fprintf(stderr, "penstock: %s\n", why);
	devspec_free(&spec);
	return rc;
}

/* The same of one host, an IPv6 address with or without brackets. */
static int resolve_one(const char *host, struct addrlist *addrs)
{
	const char *colon = strchr(host, ':');
	bool bare = *host != '[' && colon && strchr(colon + 1, ':');
	size_t size = strlen(host) + 5;
	bool incomplete = false;
	char *device = xrealloc(NULL, size, 1);
	int rc;

	snprintf(device, size, bare ? "[%s]:/" : "%s:/", host);
	rc = resolve(device, addrs, &incomplete);
	free(device);
	return rc;
}

static bool is_rail(const struct live *live, const char *text)
{
	return strchr(text, '/') || if_nametoindex(text) ||
	       list_find(&live->rails, text, same_text) < live->rails.nr;
}

static int change(struct live *live, struct list *list, const char *text, bool add,
		  bool (*same)(const char *a, const char *b))
{
	size_t at = list_find(list, text, same);

	if (add && at == list->nr) {
		list_add(list, text, strlen(text));
		return 0;
	}
	if (!add && at < list->nr && list->nr > 1) {
		list_drop(list, at);
		return 0;
	}
	if (add)
		fprintf(stderr, "penstock: %s: has %s already\n", live->dir, text);
	else if (at == list->nr)
		fprintf(stderr, "penstock: %s: does not have %s\n", live->dir, text);
	else
		fprintf(stderr, "penstock: %s: %s is the last one and cannot be removed; unmount instead\n",
			live->dir, text);
	return -1;
}

static int change_addrs(struct live *live, const char *host, bool add,
			struct list *added)
{
	struct addrlist addrs = {};
	int rc = resolve_one(host, &addrs);
	size_t i;

	for (i = 0; !rc && i < addrs.nr; i++) {
		rc = change(live, &live->addrs, addrs.text[i], add, same_addr);
		if (rc || !add)
			continue;
		list_name(&live->addrs, addrs.host[i], strlen(addrs.host[i]));
		list_add(added, addrs.text[i], strlen(addrs.text[i]));
	}
	live->new_addrs = true;
	addrlist_free(&addrs);
	return rc;
}

static int add_or_remove(struct live *live, bool add, char **what)
{
	struct list added = {};
	int status = EXIT_OK;
	size_t i;

	for (; *what && !status; what++) {
		if (!is_rail(live, *what)) {
			if (change_addrs(live, *what, add, &added))
				status = EXIT_FAIL;
			continue;
		}
		if (find_rails(live) ||
		    change(live, &live->rails, *what, add, same_text))
			status = EXIT_FAIL;
		live->new_rails = true;
	}
	if (!status)
		status = apply(live);
	for (i = 0; i < added.nr && !status; i++)
		status = await_proof(live, added.text[i]);
	list_free(&added);
	return status;
}

static int refresh(struct live *live)
{
	struct addrlist addrs = {};
	bool incomplete = false;
	struct list old = live->addrs;
	size_t i;
	int status = EXIT_OK;

	if (resolve(live->device, &addrs, &incomplete)) {
		addrlist_free(&addrs);
		return EXIT_FAIL;
	}
	live->addrs = (struct list) {};
	for (i = 0; i < addrs.nr; i++) {
		live->new_addrs |= list_find(&old, addrs.text[i], same_addr) == old.nr;
		list_add(&live->addrs, addrs.text[i], strlen(addrs.text[i]));
		list_name(&live->addrs, addrs.host[i], strlen(addrs.host[i]));
	}
	for (i = 0; i < old.nr; i++) {
		if (list_find(&live->addrs, old.text[i], same_addr) < live->addrs.nr)
			continue;
		if (!incomplete) {
			live->new_addrs = true;
			continue;
		}
		/* it may be of the name that was not resolved */
		list_add(&live->addrs, old.text[i], strlen(old.text[i]));
		if (old.name[i])
			list_name(&live->addrs, old.name[i], strlen(old.name[i]));
	}
	if (live->new_addrs)
		status = apply(live);
	list_free(&old);
	addrlist_free(&addrs);
	return status;
}

static int usage(void)
{
	fprintf(stderr, "usage: penstock path add|remove MOUNT ADDRESS|RAIL...\n"
			"       penstock path refresh MOUNT\n"
			"       penstock path show [--json] [-i SECONDS] MOUNT\n");
	return EXIT_USAGE;
}

int cmd_path(int argc, char **argv)
{
	struct live live = {};
	int status = EXIT_FAIL;
	bool add;

	if (argc >= 2 && !strcmp(argv[1], "show"))
		return cmd_paths(argc - 1, argv + 1);
	if (argc < 3)
		return usage();
	add = !strcmp(argv[1], "add");
	if (!add && strcmp(argv[1], "remove") && strcmp(argv[1], "refresh"))
		return usage();
	if ((argc == 3) != !strcmp(argv[1], "refresh"))
		return usage();
	trim_slashes(argv[2]);
	live.dir = argv[2];
	if (!read_live(&live))
		status = argc == 3 ? refresh(&live) : add_or_remove(&live, add, argv + 3);
	list_free(&live.addrs);
	list_free(&live.rails);
	free(live.device);
	return status;
}

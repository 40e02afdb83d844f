// SPDX-License-Identifier: GPL-2.0
/*
 * The -o list: one table says of each word what it is and where it goes.
 *
 * Words come from a person, from fstab, and in a remount also from the live
 * mount, because mount(8) merges what /proc/mounts shows into the list.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "helper.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW	0x00200000
#endif

enum word_kind {
	W_IGNORE,	/* for fstab readers; means nothing here */
	W_UTAB,		/* the same, but kept in utab */
	W_ATTR,		/* sets or clears MOUNT_ATTR_ bits */
	W_STATE,	/* handled by set_state() */
	W_FLAG,		/* file system flag */
	W_U32,		/* file system number, min to max */
	W_SIZE,		/* the same, with k and m as factors */
	W_ENUM,		/* file system word, one of choices */
	W_TEXT,		/* file system text, passed on as it is */
	W_RAILS,	/* the same, one or more */
	W_RETRY,
	W_SHOWN,	/* by the kernel, not given by people */
};

struct word {
	const char *name;
	enum word_kind kind;
	uint64_t set, clear;
	unsigned int min, max;
	const char *choices;	/* separated by '|' */
	const char *param;	/* the kernel's name if it differs */
};

/* Mounts by people are shielded from what a server may hold (mount(8)). */
#define ATTRS_OWNER	(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define ATTRS_USER	(ATTRS_OWNER | MOUNT_ATTR_NOEXEC)

#define ATTR(word, s, c)  { .name = word, .kind = W_ATTR, .set = s, .clear = c }
#define WORD(word, k)	  { .name = word, .kind = k }
#define NUM(word, k, lo, hi) { .name = word, .kind = k, .min = lo, .max = hi }
#define CHOICE(word, c)	  { .name = word, .kind = W_ENUM, .choices = c }

static const struct word words[] = {
	/* penstock's own: Documentation/mount-options.rst */
	NUM("port", W_U32, 1, 65535),
	CHOICE("vers", "4.1|4.2"),
	{ .name = "nfsvers", .kind = W_ENUM, .choices = "4.1|4.2",
	  .param = "vers" },
	NUM("rsize", W_SIZE, 4096, 16 << 20),
	NUM("wsize", W_SIZE, 4096, 16 << 20),
	WORD("hard", W_FLAG),
	WORD("soft", W_FLAG),
	NUM("timeout", W_U32, 1, 86400),
	CHOICE("proto", "tcp|rdma|auto"),
	CHOICE("sec", "sys|krb5|krb5i|krb5p"),
	CHOICE("xprtsec", "none|tls|mtls"),
	NUM("cert_serial", W_U32, 1, 0x7fffffff),
	NUM("privkey_serial", W_U32, 1, 0x7fffffff),
	NUM("actimeo", W_U32, 0, 86400),
	WORD("noac", W_FLAG),
	CHOICE("local_lock", "none|posix|flock|all"),
	NUM("paths", W_U32, 1, 64),
	CHOICE("gpudirect", "auto|require|off|bounce"),
	WORD("rails", W_RAILS),
	NUM("retry", W_RETRY, 0, 100000),
	WORD("addr", W_SHOWN),
	WORD("proto_why", W_SHOWN),
	WORD("servername", W_SHOWN),

	/* the mount's flags */
	ATTR("suid", 0, MOUNT_ATTR_NOSUID),
	ATTR("nosuid", MOUNT_ATTR_NOSUID, 0),
	ATTR("dev", 0, MOUNT_ATTR_NODEV),
	ATTR("nodev", MOUNT_ATTR_NODEV, 0),
	ATTR("exec", 0, MOUNT_ATTR_NOEXEC),
	ATTR("noexec", MOUNT_ATTR_NOEXEC, 0),
	ATTR("atime", 0, MOUNT_ATTR__ATIME),
	ATTR("noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME),
	ATTR("relatime", 0, MOUNT_ATTR__ATIME),
	ATTR("norelatime", 0, 0),
	ATTR("strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
	ATTR("nostrictatime", 0, MOUNT_ATTR__ATIME),
	ATTR("diratime", 0, MOUNT_ATTR_NODIRATIME),
	ATTR("nodiratime", MOUNT_ATTR_NODIRATIME, 0),
	ATTR("symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW),
	ATTR("nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0),
	ATTR("user", ATTRS_USER, 0),
	ATTR("users", ATTRS_USER, 0),
	ATTR("owner", ATTRS_OWNER, 0),
	ATTR("group", ATTRS_OWNER, 0),

	/* flags of the file system that the VFS keeps */
	WORD("ro", W_STATE),
	WORD("rw", W_STATE),
	WORD("sync", W_STATE),
	WORD("async", W_STATE),
	WORD("dirsync", W_STATE),
	WORD("lazytime", W_STATE),
	WORD("nolazytime", W_STATE),
	WORD("remount", W_STATE),

	/* security modules read these from the same list */
	WORD("context", W_TEXT),
	WORD("fscontext", W_TEXT),
	WORD("defcontext", W_TEXT),
	WORD("rootcontext", W_TEXT),
	WORD("seclabel", W_IGNORE),

	/* for mount(8), fstab and systemd */
	WORD("defaults", W_IGNORE),
	WORD("auto", W_IGNORE),
	WORD("noauto", W_IGNORE),
	WORD("nofail", W_IGNORE),
	WORD("_netdev", W_IGNORE),
	WORD("_rnetdev", W_IGNORE),
	WORD("nouser", W_IGNORE),
	WORD("nousers", W_IGNORE),
	WORD("noowner", W_IGNORE),
	WORD("nogroup", W_IGNORE),
	WORD("comment", W_IGNORE),
	WORD("fg", W_IGNORE),
	WORD("silent", W_IGNORE),
	WORD("loud", W_IGNORE),
	WORD("nomand", W_IGNORE),
	WORD("noiversion", W_IGNORE),
};

/*
 * Words from nfs(5) and mount(8) that people bring along, with what to do
 * about each.  They are errors all the same: an option that is dropped in
 * silence is one somebody relies on.
 */
static const struct habit {
	const char *name, *advice;
} habits[] = {
	{ "bg", "mount in the background with noauto,x-systemd.automount, or wait with retry=MINUTES" },
	{ "nconnect", "use paths=N" },
	{ "max_connect", "use paths=N, and name every address in the device" },
	{ "trunkdiscovery", "name every address in the device instead" },
	{ "timeo", "use soft,timeout=SECONDS" },
	{ "retrans", "use soft,timeout=SECONDS" },
	{ "softerr", "use soft,timeout=SECONDS" },
	{ "softreval", "use soft,timeout=SECONDS" },
	{ "intr", "every wait can be killed; leave it out" },
	{ "nointr", "every wait can be killed; leave it out" },
	{ "ac", "attributes are cached unless noac is given; leave it out" },
	{ "acregmin", "use actimeo=SECONDS" },
	{ "acregmax", "use actimeo=SECONDS" },
	{ "acdirmin", "use actimeo=SECONDS" },
	{ "acdirmax", "use actimeo=SECONDS" },
	{ "tcp", "use proto=tcp" },
	{ "udp", "NFSv4 does not run over UDP (RFC 8881 section 2.9.1)" },
	{ "rdma", "use proto=rdma" },
	{ "minorversion", "use vers=4.1 or vers=4.2" },
	{ "lock", "locks are the server's unless local_lock= says otherwise; leave it out" },
	{ "nolock", "use local_lock=all" },
	{ "cto", "close-to-open consistency is always kept; leave it out" },
	{ "nocto", "close-to-open consistency is always kept; leave it out" },
	{ "fsc", "there is no local disk cache; leave it out" },
	{ "nofsc", "there is no local disk cache; leave it out" },
	{ "clientaddr", "callbacks use the client's own connections; leave it out" },
	{ "mountproto", "NFSv4 has no mount protocol; leave it out" },
	{ "mountport", "NFSv4 has no mount protocol; leave it out" },
	{ "mountvers", "NFSv4 has no mount protocol; leave it out" },
	{ "mounthost", "NFSv4 has no mount protocol; leave it out" },
	{ "resvport", "leave it out" },
	{ "noresvport", "leave it out" },
	{ "sharecache", "leave it out" },
	{ "nosharecache", "leave it out" },
	{ "lookupcache", "use noac or actimeo=SECONDS" },
	{ "rdirplus", "leave it out" },
	{ "nordirplus", "leave it out" },
	{ "acl", "leave it out" },
	{ "noacl", "leave it out" },
	{ "mand", "Linux no longer has mandatory locks" },
	{ "source", "the device is the first argument of mount" },
	{ "bind", "run mount --bind without -t penstock" },
	{ "rbind", "run mount --rbind without -t penstock" },
	{ "move", "run mount --move without -t penstock" },
	{ "loop", "loop devices hold local file systems" },
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
/* Option words in sentences are cut at this length. */
#define SHOWN(text, len)	(int)((len) < 64 ? (len) : 64), (text)

/* One element of the list: NAME or NAME=VALUE, value without its quotes. */
struct element {
	const char *text;
	size_t len;
	size_t name_len;
	const char *value;	/* NULL: none */
	size_t value_len;
};

/* Commas inside double quotes belong to the value (SELinux contexts). */
static bool next_element(const char **at, struct element *el)
{
	const char *p;
	bool quoted = false;

	while (**at == ',')
		(*at)++;
	if (!**at)
		return false;
	for (p = *at; *p && (quoted || *p != ','); p++)
		if (*p == '"')
			quoted = !quoted;
	el->text = *at;
	el->len = p - *at;
	el->value = memchr(el->text, '=', el->len);
	el->name_len = el->value ? (size_t)(el->value - el->text) : el->len;
	el->value_len = 0;
	if (el->value) {
		el->value++;
		el->value_len = p - el->value;
		if (el->value_len >= 2 && el->value[0] == '"' && p[-1] == '"') {
			el->value++;
			el->value_len -= 2;
		}
	}
	*at = p;
	return true;
}

static bool name_is(const struct element *el, const char *name)
{
	return strlen(name) == el->name_len &&
	       !memcmp(name, el->text, el->name_len);
}

static const struct word *find_word(const struct element *el)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (name_is(el, words[i].name))
			return &words[i];
	return NULL;
}

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int min = a < b ? a : b;

	return min < c ? min : c;
}

/* Edits (insert, delete, replace, swap neighbours) from @a to @b. */
static unsigned int edit_distance(const char *a, size_t a_len, const char *b)
{
	enum { LONGEST = 24 };
	unsigned int row[LONGEST + 1][LONGEST + 1];
	size_t b_len = strlen(b), i, j;

	if (a_len > LONGEST || b_len > LONGEST)
		return UINT_MAX;
	for (i = 0; i <= a_len; i++) {
		for (j = 0; j <= b_len; j++) {
			if (!i || !j) {
				row[i][j] = i + j;
				continue;
			}
			row[i][j] = min3(row[i - 1][j] + 1, row[i][j - 1] + 1,
					 row[i - 1][j - 1] +
					 (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] &&
			    row[i - 2][j - 2] + 1 < row[i][j])
				row[i][j] = row[i - 2][j - 2] + 1;
		}
	}
	return row[a_len][b_len];
}

static const char *closest_word(const struct element *el)
{
	unsigned int best = el->name_len > 4 ? 3 : 2;
	const char *name = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		unsigned int d = edit_distance(el->text, el->name_len,
					       words[i].name);

		if (d < best && d < el->name_len && words[i].kind != W_SHOWN) {
			best = d;
			name = words[i].name;
		}
	}
	return name;
}

static int complain_unknown(const struct element *el, char *why)
{
	const char *close;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(habits); i++)
		if (name_is(el, habits[i].name))
			return complain(why, "option '%s' is not supported: %s",
					habits[i].name, habits[i].advice);
	close = closest_word(el);
	if (close)
		return complain(why, "unknown option '%.*s'; did you mean '%s'?",
				SHOWN(el->text, el->len), close);
	return complain(why, "unknown option '%.*s'", SHOWN(el->text, el->len));
}

static void add_param(struct options *opts, const char *key,
		      const char *value, size_t len)
{
	struct kparam *param;

	opts->params = xrealloc(opts->params, opts->nr_params + 1,
				sizeof(*opts->params));
	param = &opts->params[opts->nr_params++];
	param->key = xstrndup(key, strlen(key));
	param->value = value ? xstrndup(value, len) : NULL;
}

static void add_number(struct options *opts, const char *key,
		       unsigned int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	add_param(opts, key, text, strlen(text));
}

static int parse_number(const struct word *word, const struct element *el,
			unsigned int *number, char *why)
{
	unsigned long long n = 0;
	size_t i, len = el->value_len;
	unsigned int factor = 1;

	if (word->kind == W_SIZE && len > 1) {
		int unit = tolower((unsigned char)el->value[len - 1]);

		if (unit == 'k' || unit == 'm') {
			factor = unit == 'k' ? 1 << 10 : 1 << 20;
			len--;
		}
	}
	for (i = 0; i < len && isdigit((unsigned char)el->value[i]); i++)
		if (n <= UINT_MAX)
			n = n * 10 + (el->value[i] - '0');
	n = n <= UINT_MAX ? n * factor : ULLONG_MAX;
	if (!len || i < len || n < word->min || n > word->max)
		return complain(why, "option '%.*s': a number from %u to %u is expected",
				SHOWN(el->text, el->len), word->min, word->max);
	*number = n;
	return 0;
}

static int check_choice(const struct word *word, const struct element *el,
			char *why)
{
	const char *at = word->choices;

	while (*at) {
		size_t len = strcspn(at, "|");

		if (len == el->value_len && !memcmp(at, el->value, len))
			return 0;
		at += len + (at[len] == '|');
	}
	if (!strcmp(word->name, "vers") || !strcmp(word->name, "nfsvers"))
		return complain(why, "option '%.*s': penstock speaks NFSv4.1 and 4.2 (vers=4.1 or vers=4.2; without vers it tries 4.2, then 4.1)",
				SHOWN(el->text, el->len));
	return complain(why, "option '%.*s' is not supported in this version; only %s=%s is",
			SHOWN(el->text, el->len), word->name, word->choices);
}

static void set_state(struct options *opts, const char *name)
{
	if (!strcmp(name, "ro"))
		opts->read_only = true;
	else if (!strcmp(name, "rw"))
		opts->read_only = false;
	else if (!strcmp(name, "sync"))
		opts->sync = true;
	else if (!strcmp(name, "async"))
		opts->sync = false;
	else if (!strcmp(name, "dirsync"))
		opts->dirsync = true;
	else if (!strcmp(name, "lazytime"))
		opts->lazytime = true;
	else if (!strcmp(name, "nolazytime"))
		opts->lazytime = false;
	else if (!strcmp(name, "remount"))
		opts->remount = true;
}

static void keep_for_utab(struct options *opts, const struct element *el)
{
	size_t old = opts->utab ? strlen(opts->utab) : 0;

	opts->utab = xrealloc(opts->utab, old + el->len + 2, 1);
	if (old)
		opts->utab[old++] = ',';
	memcpy(opts->utab + old, el->text, el->len);
	opts->utab[old + el->len] = '\0';
}

/* Whether a value must, may or must not follow the name. */
static int check_value(const struct word *word, const struct element *el,
		       char *why)
{
	switch (word->kind) {
	case W_FLAG:
	case W_STATE:
		if (el->value)
			return complain(why, "option '%s' takes no value",
					word->name);
		return 0;
	case W_U32:
	case W_SIZE:
	case W_RETRY:
	case W_ENUM:
	case W_TEXT:
	case W_RAILS:
		if (!el->value || !el->value_len)
			return complain(why, "option '%s' needs a value: %s=%s",
					word->name, word->name,
					word->choices ? word->choices :
					word->kind == W_RAILS ? "INTERFACE[,INTERFACE...]" :
					word->kind == W_TEXT ? "TEXT" : "NUMBER");
		return 0;
	default:
		return 0;
	}
}

/* Of the choices of proto=; @value goes on behind it. */
static enum transport transport_called(const char *value)
{
	switch (*value) {
	case 't':
		return TRANSPORT_TCP;
	case 'r':
		return TRANSPORT_RDMA;
	default:
		return TRANSPORT_AUTO;
	}
}

/* The rails of a value, which are several when it was quoted. */
static void add_rails(struct options *opts, const char *text, size_t len)
{
	const char *end = text + len, *comma;

	for (; text < end; text = comma + 1) {
		comma = memchr(text, ',', end - text);
		if (!comma)
			comma = end;
		if (comma > text)
			add_param(opts, "rails", text, comma - text);
	}
}

static int apply_fs_word(struct options *opts, const struct word *word,
			 const struct element *el, char *why)
{
	const char *key = word->param ? word->param : word->name;
	unsigned int number = 0;

	switch (word->kind) {
	case W_FLAG:
		if (!strcmp(key, "soft") || !strcmp(key, "hard"))
			opts->soft = key[0] == 's';
		add_param(opts, key, NULL, 0);
		return 0;
	case W_ENUM:
		if (check_choice(word, el, why))
			return -1;
		if (!strcmp(key, "proto"))
			opts->transport = transport_called(el->value);
		if (!strcmp(key, "xprtsec")) {
			opts->tls = el->value[0] != 'n';
			opts->mutual = el->value[0] == 'm';
		}
		add_param(opts, key, el->value, el->value_len);
		return 0;
	case W_TEXT:
		add_param(opts, key, el->value, el->value_len);
		return 0;
	case W_RAILS:
		add_rails(opts, el->value, el->value_len);
		return 0;
	default:
		if (parse_number(word, el, &number, why))
			return -1;
		if (word->kind == W_RETRY) {
			opts->retry = number;
			return 0;
		}
		if (!strcmp(key, "port"))
			opts->port = number;
		if (!strcmp(key, "cert_serial"))
			opts->serials = true;
		if (!strcmp(key, "timeout"))
			opts->timeout = true;
		add_number(opts, key, number);
		return 0;
	}
}

static int apply_word(struct options *opts, const struct word *word,
		      const struct element *el, char *why)
{
	if (check_value(word, el, why))
		return -1;
	switch (word->kind) {
	case W_IGNORE:
		return 0;
	case W_UTAB:
		keep_for_utab(opts, el);
		return 0;
	case W_SHOWN:
		opts->shown = word->name;
		return 0;
	case W_ATTR:
		opts->attrs = (opts->attrs & ~word->clear) | word->set;
		return 0;
	case W_STATE:
		set_state(opts, word->name);
		return 0;
	default:
		return apply_fs_word(opts, word, el, why);
	}
}

static bool list_shows(const char *list, const struct element *wanted)
{
	struct element el;

	while (next_element(&list, &el))
		if (el.len == wanted->len &&
		    !memcmp(el.text, wanted->text, el.len))
			return true;
	return false;
}

bool options_ask_remount(const char *list)
{
	struct element el;

	while (next_element(&list, &el))
		if (name_is(&el, "remount"))
			return true;
	return false;
}

/* Whether @list holds @key with exactly this value, or as a flag. */
static bool list_has(const char *list, const char *key, const char *value)
{
	struct element el;

	while (next_element(&list, &el)) {
		if (!name_is(&el, key))
			continue;
		if (!value)
			return !el.value;
		if (el.value && el.value_len == strlen(value) &&
		    !memcmp(el.value, value, el.value_len))
			return true;
	}
	return false;
}

void options_init(struct options *opts)
{
	memset(opts, 0, sizeof(*opts));
	opts->transport = TRANSPORT_AUTO;
}

int options_parse(struct options *opts, const char *list, bool sloppy,
		  char *why)
{
	static const struct word user_word = { .kind = W_UTAB };
	bool rails = false;
	struct element el;

	while (next_element(&list, &el)) {
		const struct word *word = find_word(&el);

		if (!word && el.len > 2 &&
		    (!strncmp(el.text, "x-", 2) || !strncmp(el.text, "X-", 2)))
			word = &user_word;
		/* rails=A,B: the commas of the list and of the value are the same */
		if (!word && rails && !el.value) {
			add_rails(opts, el.text, el.len);
			continue;
		}
		rails = word && word->kind == W_RAILS;
		if (!word && opts->live && list_shows(opts->live, &el))
			continue;
		if (!word && sloppy) {
			opts->nr_ignored++;
			continue;
		}
		if (!word)
			return complain_unknown(&el, why);
		if (apply_word(opts, word, &el, why))
			return -1;
	}
	if (opts->live && (list_has(opts->live, "xprtsec", "tls") ||
			   list_has(opts->live, "xprtsec", "mtls")))
		opts->tls = true;
	if (opts->shown && !opts->remount && !strcmp(opts->shown, "addr"))
		return complain(why, "option 'addr' is not for people: name the addresses in the device");
	if (opts->shown && !opts->remount)
		return complain(why, "option '%s' is not for people: it is what the kernel shows",
				opts->shown);
	return 0;
}

unsigned int options_port(const struct options *opts)
{
	if (opts->port)
		return opts->port;
	return opts->transport == TRANSPORT_RDMA ? 20049 : 2049;
}

static bool is_rails(const struct kparam *param)
{
	return !strcmp(param->key, "rails");
}

/*
 * How many of the rails in @opts, from the first on, are those of the live mount
 * that mount(8) has put before the new ones.  Where it has, it has repeated the
 * addresses, too.
 */
static size_t repeated_rails(const struct options *opts)
{
	const char *at = opts->live;
	size_t i = 0, n = 0;
	struct element el;

	if (!opts->shown)
		return 0;
	while (next_element(&at, &el)) {
		if (!name_is(&el, "rails"))
			continue;
		while (i < opts->nr_params && !is_rails(&opts->params[i]))
			i++;
		if (i == opts->nr_params ||
		    strlen(opts->params[i].value) != el.value_len ||
		    memcmp(opts->params[i].value, el.value, el.value_len))
			return 0;
		i++;
		n++;
	}
	return n;
}

void options_drop_unchanged(struct options *opts)
{
	size_t i, kept = 0, repeated = repeated_rails(opts);

	for (i = 0; i < opts->nr_params; i++) {
		struct kparam *param = &opts->params[i];
		bool drop = is_rails(param) ? repeated && repeated-- :
			    list_has(opts->live, param->key, param->value);

		if (drop) {
			free(param->key);
			free(param->value);
			continue;
		}
		opts->params[kept++] = *param;
	}
	opts->nr_params = kept;
}

void options_free(struct options *opts)
{
	size_t i;

	for (i = 0; i < opts->nr_params; i++) {
		free(opts->params[i].key);
		free(opts->params[i].value);
	}
	free(opts->params);
	free(opts->utab);
	memset(opts, 0, sizeof(*opts));
}

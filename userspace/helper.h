/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mount.penstock and penstock: prototypes grouped by the file that implements them.
 *
 * devspec.c, options.c and explain.c are pure: strings in, structs and
 * sentences out.  They and resolve.c are what the unit tests and the fuzzer
 * link; everything that talks to the kernel is in fsctx.c, module.c and utab.c.
 */
#ifndef PENSTOCK_HELPER_H
#define PENSTOCK_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PENSTOCK_FSTYPE	"penstock"

/* What the kernel accepts as addr= on one mount. */
#define KERNEL_ADDRS_MAX	256
/* What one device may expand to before names are resolved. */
#define SPEC_HOSTS_MAX		1024
/* Longest device; the kernel's own limit on paths. */
#define SPEC_TEXT_MAX		4096
/* fsconfig(2) takes strings up to this length, longer values as binary. */
#define FSCONFIG_STRING_MAX	255

/* Exit status, as in mount(8). */
enum exit_status {
	EXIT_OK		= 0,
	EXIT_USAGE	= 1,	/* incorrect invocation or permissions */
	EXIT_SYSTEM	= 2,	/* out of memory, cannot fork */
	EXIT_SOFTWARE	= 4,	/* internal error */
	EXIT_FAIL	= 32,	/* mount failure */
};

/* Room for one sentence that tells a person what is wrong. */
#define WHY_MAX		512

/* complain.c: sentences and memory */

/* Formats a sentence into @why (WHY_MAX bytes) and returns -1. */
int complain(char *why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* These end the process with EXIT_SYSTEM when memory is out. */
void *xrealloc(void *old, size_t count, size_t size);
char *xstrndup(const char *text, size_t len);

/* devspec.c: HOST[,HOST...]:/PATH */

enum host_kind {
	HOST_NAME,		/* to be resolved */
	HOST_IPV4,
	HOST_IPV6,		/* without brackets, maybe with %scope */
};

struct host {
	enum host_kind kind;
	char *text;
};

/**
 * struct devspec - a parsed device
 * @text:	as typed; becomes the source that /proc/mounts shows
 * @hosts:	in the order typed, ranges expanded
 * @nr_hosts:	at most SPEC_HOSTS_MAX
 * @path:	the exported path, begins with '/'; points into @text
 */
struct devspec {
	char *text;
	struct host *hosts;
	size_t nr_hosts;
	const char *path;
};

/* Returns 0, or -1 with a sentence in @why; free after both. */
int devspec_parse(struct devspec *spec, const char *text, char *why);
void devspec_free(struct devspec *spec);

/* resolve.c: hosts to addresses */

struct addrlist {
	char **text;		/* no brackets, IPv6 maybe with %scope */
	char **host;		/* what was typed for it: a name, or an address */
	size_t nr;
};

/**
 * resolve_hosts - every address of every host, in order, without duplicates
 * @spec:	the parsed device
 * @addrs:	filled in; free it whatever is returned
 * @warn:	called for each host that is left out, may be NULL
 * @arg:	for @warn
 * @temporary:	set when trying again later may help (no name server yet)
 * @why:	the sentence when -1 is returned
 *
 * Returns 0 when at least one host has an address and there are no more than
 * KERNEL_ADDRS_MAX addresses.
 */
int resolve_hosts(const struct devspec *spec, struct addrlist *addrs,
		  void (*warn)(void *arg, const char *sentence), void *arg,
		  bool *temporary, char *why);
void addrlist_free(struct addrlist *addrs);

/* options.c: the -o list */

struct kparam {
	char *key;
	char *value;		/* NULL: a flag */
};

enum transport {
	TRANSPORT_AUTO,
	TRANSPORT_TCP,
	TRANSPORT_RDMA,
};

/**
 * struct options - what the -o list asks for
 * @live:	in a remount the options that the mount shows now, set before
 *		parsing and borrowed.  mount(8) repeats them in the list, so words
 *		found in it are known whatever they are.
 */
struct options {
	const char *live;
	uint64_t attrs;		/* MOUNT_ATTR_*, the mount's own flags */
	bool read_only;		/* last of ro and rw */
	bool sync, dirsync, lazytime;
	bool remount;
	struct kparam *params;	/* for the file system, in the order given */
	size_t nr_params;
	enum transport transport;
	bool tls, mutual;	/* xprtsec= is not none, also of a live mount; it is mtls */
	bool serials;		/* keys were named */
	unsigned int port;	/* 0: not given */
	unsigned int retry;	/* minutes */
	bool soft, timeout;	/* what was given last */
	char *utab;		/* words worth keeping in utab, or NULL */
	const char *shown;	/* a word in the list that only the kernel gives */
	size_t nr_ignored;	/* unknown words dropped because of -s */
};

void options_init(struct options *opts);
void options_free(struct options *opts);
/*
 * Adds the words of @list to @opts.  With @sloppy unknown words are counted
 * and dropped.  Returns 0, or -1 with a sentence that names the bad word.
 */
int options_parse(struct options *opts, const char *list, bool sloppy,
		  char *why);
/* Whether @list has the word remount. */
bool options_ask_remount(const char *list);
/* The port that a sentence names: of the last transport that is tried. */
unsigned int options_port(const struct options *opts);
/*
 * Drops parameters that @opts->live shows with the same value already, and
 * rails that were only repeated: what is left of them is the new list.
 */
void options_drop_unchanged(struct options *opts);

/* explain.c: errno to a sentence and advice */

enum mount_stage {
	STAGE_OPEN,		/* fsopen, fspick: needs the module and privilege */
	STAGE_PARAM,		/* one option was refused */
	STAGE_CREATE,		/* the kernel talks to the servers */
	STAGE_ATTACH,		/* put the mount on the directory */
	STAGE_REMOUNT,
};

/**
 * struct failure - what is known when a mount fails
 * @error:	errno
 * @stage:	what was tried
 * @spec:	the device as typed
 * @dir:	the mount point
 * @path:	exported path, or NULL
 * @port:	of the servers
 * @param:	the refused parameter in STAGE_PARAM, or NULL
 * @kernel:	error lines of the kernel, joined, or NULL
 */
struct failure {
	int error;
	enum mount_stage stage;
	const char *spec;
	const char *dir;
	const char *path;
	unsigned int port;
	const char *param;
	const char *kernel;
};

void explain(FILE *out, const struct failure *fail);
/* Whether retry= applies: the server or network may just not be up yet. */
bool error_is_temporary(const struct failure *fail);

/* fsctx.c: the kernel's fs_context */

struct fsctx {
	int fd;
	struct failure *fail;	/* where and why a call returned -1 */
	char *errors;		/* "e" lines read so far, joined */
	bool verbose;
};

int fsctx_open(struct fsctx *ctx);
int fsctx_pick(struct fsctx *ctx, const char *dir);
int fsctx_flag(struct fsctx *ctx, const char *key);
int fsctx_set(struct fsctx *ctx, const char *key, const char *value);
int fsctx_create(struct fsctx *ctx);
int fsctx_reconfigure(struct fsctx *ctx);
int fsctx_attach(struct fsctx *ctx, uint64_t attrs, const char *dir);
int fsctx_reset_attrs(struct fsctx *ctx, uint64_t attrs, const char *dir);
void fsctx_close(struct fsctx *ctx);

/* module.c: are penstock.ko and penstock_rdma.ko there */

enum module_state {
	MODULE_LOADED,
	MODULE_MISSING,		/* not installed for the running kernel */
	MODULE_UNSIGNED,	/* Secure Boot */
	MODULE_MISMATCH,	/* built for another kernel */
	MODULE_DENIED,		/* not privileged, or kernel lockdown */
	MODULE_NO_MODPROBE,
	MODULE_FAILED,
};

/* Reads the state from what modprobe wrote to its standard error. */
enum module_state module_classify(const char *complaint);
/* Runs modprobe @name; its complaint is left in @complaint (WHY_MAX bytes). */
enum module_state module_load(const char *name, char *complaint);
void module_explain(FILE *out, const char *spec, const char *dir,
		    enum module_state state, const char *complaint);
/*
 * Load penstock_rdma if this host has an RDMA device, so that the kernel can
 * choose it.  Returns 0, or -1 with the reason why it is not there.
 */
int module_want_rdma(char *why);

/* utab.c: leave the note for umount(8) and systemd; see there why */
int utab_record(const char *source, const char *dir, const char *extra,
		bool remount);
/* Options that the mount on @dir shows now, or NULL; *@type, *@source: its own. */
char *utab_live_options(const char *dir, char **type, char **source);

/* figures.c: the kernel's counters of each path */

enum figure {
	F_INFLIGHT, F_CALLS, F_REPLIES, F_OUT, F_IN, F_RTT50, F_RTT99,
	F_RECONNECTS, F_RESENDS, F_TIMEOUTS, F_COUNT
};

struct path {
	char transport[16];
	char addr[80];
	char state[16];
	char rail[64];
	char security[8];
	unsigned long long figure[F_COUNT];
};

struct paths {
	char *device;
	struct path *path;
	size_t nr;
};

/* Of the last mount on @dir, which hides the others.  0, or -1 when it was said why. */
int paths_read(const char *dir, struct paths *p);
void paths_free(struct paths *p);
/* Two looks, @seconds apart. */
void paths_print_table(const struct paths *before, const struct paths *now,
		       double seconds);
/* One object, without the end of the line. */
void paths_print_json(const char *dir, const struct paths *before,
		      const struct paths *now, double seconds);
/*
 * "device DEVICE mounted on DIR with fstype TYPE", which is changed: is it a
 * mount of ours on @dir?  Then *@device becomes DEVICE.
 */
bool mountstats_is(char *line, const char *dir, char **device);
/* A JSON string, with its quotes. */
void print_string(const char *text);
/* Not resolved: that would wait for a server that is gone. */
void trim_slashes(char *dir);

/* path.c, paths.c, top.c; argv[0] is the subcommand, an exit_status comes back */
int cmd_path(int argc, char **argv);
int cmd_paths(int argc, char **argv);
int cmd_top(int argc, char **argv);

/* stat.c: penstock stat, likewise */
int cmd_stat(int argc, char **argv);

/* doctor.c: penstock doctor, likewise */
int cmd_doctor(int argc, char **argv);

/* cred.c: penstock cred */
int cmd_cred(int argc, char **argv);

/* keyring.c: root's user keyring, where keys outlive the process that adds them */

/* What mount.penstock and penstock cred call this host's certificate and key. */
#define KEY_TLS_CERT	"penstock:tls:certificate"
#define KEY_TLS_PRIVKEY	"penstock:tls:privkey"

/* The serial of the key, or 0 if there is none. */
int keyring_find(const char *name);
/* Add or replace; the serial stays. Returns it, or -1 with errno set. */
int keyring_put(const char *name, const void *data, size_t len);
/* Bytes read into @data, or -1. */
long keyring_read(int serial, void *data, size_t size);
/* Returns 0, or -1 with errno set. */
int keyring_drop(int serial);

/* x509.c: certificates and keys as far as one must look into them; pure */

/**
 * pem_decode - the first block of a PEM file, or the whole file if it is DER
 * @text:	the file; @len bytes
 * @want:	what the label must end with: "CERTIFICATE" or "PRIVATE KEY"
 * @out:	receives at most @len bytes
 * @more:	set when another block of that kind follows, may be NULL
 * @why:	the sentence when -1 is returned
 *
 * Returns the number of bytes, or -1.
 */
long pem_decode(const char *text, size_t len, const char *want, uint8_t *out,
		bool *more, char *why);
/* Until when a certificate is valid, in seconds since 1970; -1: it is none. */
int64_t x509_not_after(const uint8_t *der, size_t len);

/* cred_tls.c */
int cred_tls(int argc, char **argv);
/* What cred show says of TLS, and what cred drop drops. */
void cred_tls_show(bool json);
int cred_tls_drop(void);

/* cred_krb5.c */
int cred_krb5(int argc, char **argv);
void cred_krb5_show(bool json);

#endif

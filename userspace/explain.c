// SPDX-License-Identifier: GPL-2.0
/*
 * Why a mount failed, in words.
 *
 * One row per errno: a sentence, and what to do next.  What the kernel wrote
 * into the fs_context stands between the two, because it knows which of
 * several addresses failed and how.
 */
#include <errno.h>
#include <string.h>

#include "helper.h"

/* In sentences: %h the hosts, %p the path, %d the mount point, %n the port. */
struct explanation {
	int error;
	bool temporary;
	const char *sentence;
	const char *advice;
};

/* The kernel talked, or tried to talk, to the servers. */
static const struct explanation server_errors[] = {
	{ ECONNREFUSED, true,
	  "connection refused: nothing listens on port %n of %h",
	  "Is the NFS server started there, and is it this port (-o port=)?" },
	{ EHOSTUNREACH, true,
	  "no route to host: %h cannot be reached from here",
	  "Check the address, the cable, the route (ip route get ADDRESS) and firewalls that reject." },
	{ ENETUNREACH, true,
	  "no route: this machine has no network towards %h",
	  "Check that the interface is up and has an address (ip addr, ip route)." },
	{ ENETDOWN, true,
	  "no route: the network interface towards %h is down",
	  "Bring it up (ip link set DEV up), or order the mount after the network (_netdev in fstab)." },
	{ EHOSTDOWN, true,
	  "no route to host: %h does not answer on the local network",
	  "Check that the machine is running and the address is right." },
	{ ETIMEDOUT, true,
	  "timed out: no answer from %h",
	  "The server is down, the address is wrong, or a firewall drops packets to port %n." },
	{ ECONNRESET, true,
	  "the connection was closed by %h",
	  "Either the server is restarting, or something else than NFS listens on port %n." },
	{ EPIPE, true,
	  "the connection was closed by %h",
	  "Either the server is restarting, or something else than NFS listens on port %n." },
	{ ENOTCONN, true,
	  "the connection was closed by %h",
	  "Either the server is restarting, or something else than NFS listens on port %n." },
	{ ENOENT, false,
	  "not exported: the server has no %p",
	  "Check the path and the server's export list (on Linux: exportfs -v); NFSv4 paths begin at the server's pseudo root." },
	{ ENOTDIR, false,
	  "%p on the server is not a directory",
	  "Only directories can be mounted." },
	{ EACCES, false,
	  "permission denied: the server does not let this machine use %p",
	  "Check which clients and security flavours the export allows (on Linux: exportfs -v, and 'insecure' for ports above 1023)." },
	{ EPERM, false,
	  "permission denied: the server does not let this machine use %p",
	  "Check which clients and security flavours the export allows (on Linux: exportfs -v); xprtsec= there must match -o xprtsec= here." },
	{ ENOPROTOOPT, false,
	  "RDMA is not possible here: penstock_rdma cannot be loaded",
	  "Try modprobe penstock_rdma and see dmesg, or use proto=tcp." },
	{ ENODEV, false,
	  "RDMA is not possible here: no RDMA device leads to %h",
	  "See rdma link and ip route get ADDRESS, or use proto=tcp." },
	{ ESRCH, false,
	  "no TLS: tlshd does not run on this machine",
	  "Install ktls-utils and start it: systemctl enable --now tlshd" },
	{ ESOCKTNOSUPPORT, false,
	  "no TLS: %h does not offer it, or somebody in between hides that it does",
	  "Run tlshd on the server (Linux 6.4 and newer) and start its NFS server after it; nothing was sent in the clear." },
	{ EBADE, false,
	  "no TLS: this machine and %h do not accept each other's certificates",
	  "The log of tlshd has the reason (journalctl -u tlshd, here and on the server): is the certificate expired, signed by who is trusted, and for the name in the device?" },
	{ EPROTONOSUPPORT, false,
	  "%h does not speak NFSv4.1 or NFSv4.2, perhaps only NFSv3",
	  "Enable NFSv4 on the server (on Linux: rpc.nfsd -V 4.2), or use the kernel's own client: mount -t nfs -o vers=3." },
	{ EPROTO, false,
	  "the answers of %h make no sense",
	  "Something else than NFS may listen on port %n; see dmesg for what was received." },
	{ EBADMSG, false,
	  "the answers of %h make no sense",
	  "Something else than NFS may listen on port %n; see dmesg for what was received." },
	{ EIO, false,
	  "the server failed, or its answers make no sense",
	  "See dmesg here, and the log of the server." },
	{ ESTALE, false,
	  "%p vanished from the server while it was being mounted",
	  "Try again; if it stays so, export the directory anew." },
	{ EBUSY, false,
	  "busy: the mount is there already, or %d is in use",
	  "See findmnt %d." },
	{ ENAMETOOLONG, false,
	  "a name in %p is longer than the server takes", NULL },
	{ ELOOP, false,
	  "%p leads through a symbolic link, or too many of them",
	  "Give the path that the links lead to." },
	{ EINVAL, false,
	  "the kernel refuses these options",
	  "See dmesg; the module may be older than this mount.penstock." },
	{ EOPNOTSUPP, false,
	  "the server or the kernel does not support something that this mount needs",
	  "See dmesg." },
	{ EADDRNOTAVAIL, true,
	  "no free local port or no usable local address towards %h",
	  "See ss -tan and ip addr." },
	{ EINTR, false, "interrupted", NULL },
};

/* Nothing was sent yet. */
static const struct explanation open_errors[] = {
	{ EPERM, false, "permission denied: only root can mount",
	  "An entry of fstab with 'user' does not change that; x-systemd.automount does." },
	{ EACCES, false, "permission denied: only root can mount", NULL },
	{ ENODEV, false, "the kernel has no file system type '" PENSTOCK_FSTYPE "'",
	  "Load the module: modprobe " PENSTOCK_FSTYPE },
	{ ENOSYS, false, "this kernel is older than Linux 5.2, or a sandbox hides fsopen(2)",
	  "penstock runs on Linux 6.1 and newer." },
	{ EINVAL, false, "%d is not a mount point", NULL },
	{ ENOENT, false, "%d does not exist", NULL },
};

static const struct explanation attach_errors[] = {
	{ EBUSY, false, "busy: the same is mounted on %d already", "See findmnt %d." },
	{ ENOENT, false, "the mount point %d does not exist", "Make it with mkdir." },
	{ ENOTDIR, false, "the mount point %d is not a directory", NULL },
};

static const struct explanation remount_errors[] = {
	{ EBUSY, false, "busy: files on %d are open for writing",
	  "Find them with fuser -vm %d before making it read-only." },
	{ EINVAL, false, "the kernel refuses to change this on a live mount",
	  "Unmount, then mount with the new options." },
};

#define TABLE(t)	(t), sizeof(t) / sizeof((t)[0])

static const struct explanation *find_in(const struct explanation *table,
					 size_t nr, int error)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (table[i].error == error)
			return &table[i];
	return NULL;
}

static const struct explanation *find(const struct failure *fail)
{
	switch (fail->stage) {
	case STAGE_OPEN:
		return find_in(TABLE(open_errors), fail->error);
	case STAGE_ATTACH:
		return find_in(TABLE(attach_errors), fail->error);
	case STAGE_REMOUNT:
		return find_in(TABLE(remount_errors), fail->error);
	case STAGE_CREATE:
		return find_in(TABLE(server_errors), fail->error);
	case STAGE_PARAM:
		break;
	}
	return NULL;
}

bool error_is_temporary(const struct failure *fail)
{
	const struct explanation *ex = find(fail);

	return ex && ex->temporary;
}

static void expand(FILE *out, const char *text, const struct failure *fail)
{
	for (; *text; text++) {
		if (*text != '%') {
			putc(*text, out);
			continue;
		}
		switch (*++text) {
		case 'h':
			fprintf(out, "%.*s", (int)(fail->path - fail->spec - 1),
				fail->spec);
			break;
		case 'p':
			fputs(fail->path, out);
			break;
		case 'd':
			fputs(fail->dir, out);
			break;
		case 'n':
			fprintf(out, "%u", fail->port);
			break;
		}
	}
}

void explain(FILE *out, const struct failure *fail)
{
	const struct explanation *ex = find(fail);
	/* A sentence of the kernel about an option says more than EINVAL. */
	bool kernel_first = fail->kernel && (!ex || fail->error == EINVAL);

	fprintf(out, "mount.penstock: %s on %s: ", fail->spec, fail->dir);
	if (kernel_first)
		fputs(fail->kernel, out);
	else if (fail->stage == STAGE_PARAM && fail->param)
		fprintf(out, "the kernel refuses option '%s' (%s)",
			fail->param, strerror(fail->error));
	else if (ex)
		expand(out, ex->sentence, fail);
	else
		fputs(strerror(fail->error), out);
	putc('\n', out);
	if (fail->kernel && !kernel_first)
		fprintf(out, "  kernel: %s\n", fail->kernel);
	if (ex && ex->advice && !kernel_first) {
		fputs("  ", out);
		expand(out, ex->advice, fail);
		putc('\n', out);
	}
}

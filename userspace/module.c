// SPDX-License-Identifier: GPL-2.0
/*
 * Are penstock.ko and penstock_rdma.ko there, and if not, why not.
 *
 * fsopen(2) asks for the module itself (fs-penstock), but all it can say is
 * ENODEV.  Running modprobe once more gives the reason: not built for this
 * kernel, not signed, built for another one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper.h"

static const struct {
	const char *text;
	enum module_state state;
} complaints[] = {
	{ "not found in directory", MODULE_MISSING },
	{ "Key was rejected", MODULE_UNSIGNED },
	{ "Required key not available", MODULE_UNSIGNED },
	{ "Package not installed", MODULE_UNSIGNED },	/* ENOPKG: hash unknown */
	{ "Exec format error", MODULE_MISMATCH },
	{ "Unknown symbol", MODULE_MISMATCH },
	{ "version magic", MODULE_MISMATCH },
	{ "Operation not permitted", MODULE_DENIED },
	{ "Permission denied", MODULE_DENIED },
};

enum module_state module_classify(const char *complaint)
{
	size_t i;

	for (i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++)
		if (strstr(complaint, complaints[i].text))
			return complaints[i].state;
	return MODULE_FAILED;
}

static void modprobe(const char *name, int err)
{
	/* Absolute names: mount(8) clears PATH before it runs a helper. */
	static const char *const names[] = { "/sbin/modprobe", "/usr/sbin/modprobe" };
	/* The complaints above are in English. */
	static char *const env[] = { "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	char *const argv[] = { "modprobe", (char *)name, NULL };
	size_t i;

	dup2(err, STDERR_FILENO);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		execve(names[i], argv, env);
	_exit(127);
}

static void read_complaint(int fd, char *text)
{
	size_t have = 0;
	char rest[256];
	ssize_t len;

	/* Whatever does not fit is read too, or modprobe would block. */
	for (;;) {
		if (have < WHY_MAX - 1)
			len = read(fd, text + have, WHY_MAX - 1 - have);
		else
			len = read(fd, rest, sizeof(rest));
		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			break;
		if (have < WHY_MAX - 1)
			have += len;
	}
	while (have && text[have - 1] == '\n')
		have--;
	text[have] = '\0';
}

enum module_state module_load(const char *name, char *complaint)
{
	int fds[2], status;
	pid_t pid;

	*complaint = '\0';
	if (pipe2(fds, O_CLOEXEC))
		return MODULE_FAILED;
	pid = fork();
	if (!pid)
		modprobe(name, fds[1]);
	close(fds[1]);
	if (pid > 0)
		read_complaint(fds[0], complaint);
	close(fds[0]);
	if (pid < 0)
		return MODULE_FAILED;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return MODULE_FAILED;
	if (!WIFEXITED(status))
		return MODULE_FAILED;
	if (WEXITSTATUS(status) == 127)
		return MODULE_NO_MODPROBE;
	return WEXITSTATUS(status) ? module_classify(complaint) : MODULE_LOADED;
}

void module_explain(FILE *out, const char *spec, const char *dir,
		    enum module_state state, const char *complaint)
{
	struct utsname host;

	uname(&host);
	fprintf(out, "mount.penstock: %s on %s: module missing: ", spec, dir);
	switch (state) {
	case MODULE_MISSING:
		fprintf(out, "penstock.ko is not installed for kernel %s\n"
			"  Install the package penstock-dkms and the headers of this kernel (on Debian: linux-headers-%s); dkms status shows what was built.\n",
			host.release, host.release);
		break;
	case MODULE_UNSIGNED:
		fprintf(out, "Secure Boot rejects penstock.ko because its signature is not known\n"
			"  Enrol the key that dkms signs with (mokutil --import /var/lib/dkms/mok.pub, then reboot), or switch Secure Boot off. See dmesg.\n");
		break;
	case MODULE_MISMATCH:
		fprintf(out, "penstock.ko does not fit kernel %s\n"
			"  Rebuild it: dkms install --force penstock/VERSION -k %s. See dmesg.\n",
			host.release, host.release);
		break;
	case MODULE_DENIED:
		fprintf(out, "loading penstock.ko is not permitted\n"
			"  In a container load it on the host (modprobe penstock). With Secure Boot an unsigned module is rejected: see dmesg.\n");
		break;
	case MODULE_NO_MODPROBE:
		fprintf(out, "and modprobe is not installed\n"
			"  Install the package kmod, or load penstock.ko with insmod.\n");
		break;
	case MODULE_LOADED:
		fprintf(out, "modprobe succeeds, but the kernel still has no file system type '%s'\n"
			"  Another module may carry the same name: see modinfo penstock and dmesg.\n",
			PENSTOCK_FSTYPE);
		break;
	case MODULE_FAILED:
		fprintf(out, "modprobe penstock failed\n"
			"  See dmesg.\n");
		break;
	}
	if (*complaint)
		fprintf(out, "  modprobe: %s\n", complaint);
}

static bool have_rdma_device(void)
{
	DIR *dir = opendir("/sys/class/infiniband");
	struct dirent *de;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (de = readdir(dir)))
		found = de->d_name[0] != '.';
	closedir(dir);
	return found;
}

int module_want_rdma(char *why)
{
	if (!access("/sys/module/penstock_rdma", F_OK) || !have_rdma_device())
		return 0;
	if (module_load("penstock_rdma", why) == MODULE_LOADED)
		return 0;
	return *why ? -1 : complain(why, "modprobe failed");
}

// SPDX-License-Identifier: GPL-2.0
/* penstock doctor --gpu: drivers, kernel, configuration, mounts. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "doctor.h"

#define REGISTER	"rpcrdma_register_nvfs_dma_ops"

/* The oldest and newest nvidia-fs that penstock was tried with. */
#define NVFS_TRIED	"2.13.5, 2.19.7 and 2.28.4"

static void look_at_drivers(struct doctor *d)
{
	char driver[64], nvfs[64];

	if (doctor_line(d, "/sys/module/nvidia/version", driver, sizeof(driver)))
		doctor_say(d, DOCTOR_OK, "driver", "NVIDIA driver %s is loaded", driver);
	else
		doctor_say(d, DOCTOR_NOTE, "driver",
			   "no NVIDIA driver is loaded: only PCI peer-to-peer memory of other devices can be used");
	if (doctor_line(d, "/sys/module/nvidia_fs/version", nvfs, sizeof(nvfs)))
		doctor_say(d, DOCTOR_OK, "nvidia-fs",
			   "nvidia-fs %s is loaded; its interface was read and tried in " NVFS_TRIED, nvfs);
	else if (*driver)
		doctor_say(d, DOCTOR_MISSING, "nvidia-fs",
			   "nvidia-fs is not loaded; install nvidia-fs-dkms and run: modprobe nvidia-fs");
	else
		doctor_say(d, DOCTOR_NOTE, "nvidia-fs", "nvidia-fs is not loaded");
}

/* "ADDRESS T NAME [MODULE]": who exports @symbol?  Empty: nobody. */
static void symbol_owner(struct doctor *d, const char *symbol, char *owner, size_t size)
{
	char line[512], name[256], module[128];
	FILE *in = doctor_open(d, "/proc/kallsyms");

	*owner = '\0';
	while (in && fgets(line, sizeof(line), in)) {
		*module = '\0';
		if (sscanf(line, "%*s %*c %255s [%127[^]]]", name, module) < 1 ||
		    strcmp(name, symbol))
			continue;
		snprintf(owner, size, "%s", *module ? module : "the kernel");
	}
	if (in)
		fclose(in);
}

static void look_at_symbols(struct doctor *d)
{
	char owner[128], fs[64];
	bool wanted = doctor_line(d, "/sys/module/nvidia_fs/version", fs, sizeof(fs));

	symbol_owner(d, REGISTER, owner, sizeof(owner));
	if (!strcmp(owner, "penstock_nvfs"))
		doctor_say(d, DOCTOR_OK, "door", "penstock_nvfs has the symbols that nvidia-fs looks for");
	else if (*owner)
		doctor_say(d, DOCTOR_MISSING, "door",
			   "the symbols that nvidia-fs looks for belong to %s: penstock_nvfs cannot be loaded beside it; unload that one (do not use GPU memory with penstock while it has them)",
			   owner);
	else
		doctor_say(d, wanted ? DOCTOR_MISSING : DOCTOR_NOTE, "door",
			   "penstock_nvfs is not loaded; run: modprobe penstock_nvfs, and have /etc/modules-load.d do it");
}

static void look_at_kernel(struct doctor *d)
{
	char path[128], line[512];
	bool known = false, yes = false;
	struct utsname host;
	FILE *in;

	uname(&host);
	snprintf(path, sizeof(path), "/boot/config-%s", host.release);
	in = doctor_open(d, path);
	while (in && fgets(line, sizeof(line), in)) {
		known = true;
		yes = yes || !strcmp(line, "CONFIG_PCI_P2PDMA=y\n");
	}
	if (in)
		fclose(in);
	if (yes)
		doctor_say(d, DOCTOR_OK, "kernel", "the kernel has PCI peer-to-peer DMA");
	else
		doctor_say(d, DOCTOR_NOTE, "kernel", known ?
			   "the kernel has no PCI peer-to-peer DMA (CONFIG_PCI_P2PDMA): such memory cannot be used, nvidia-fs can" :
			   "%s is not there: cannot tell whether the kernel has PCI peer-to-peer DMA", path);
}

static void look_at_iommu(struct doctor *d)
{
	char path[DOCTOR_PATH], type[64];
	struct dirent *de;
	bool translates = false, any = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/sys/kernel/iommu_groups", d->root);
	dir = opendir(path);
	while (dir && (de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		any = true;
		snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%.64s/type", de->d_name);
		if (doctor_line(d, path, type, sizeof(type)) && strcmp(type, "identity"))
			translates = true;
	}
	if (dir)
		closedir(dir);
	if (translates)
		doctor_say(d, DOCTOR_NOTE, "iommu",
			   "the IOMMU translates addresses: peer-to-peer traffic goes up to it and back, or does not work; boot with iommu=pt");
	else
		doctor_say(d, DOCTOR_OK, "iommu", any ? "the IOMMU passes addresses through" :
			   "there is no IOMMU in the way");
}

/* ---- cufile.json, which may have comments: words only ---- */

static char *read_all(FILE *in)
{
	char *text = NULL;
	size_t size = 0;

	if (getdelim(&text, &size, '\0', in) < 0) {
		free(text);
		return NULL;
	}
	return text;
}

static void blank_comments(char *text)
{
	bool quoted = false;

	for (; *text; text++) {
		if (*text == '"')
			quoted = !quoted;
		while (!quoted && text[0] == '/' && text[1] == '/' &&
		       *text && *text != '\n')
			memset(text, ' ', strcspn(text, "\n"));
	}
}

/* Does the list "filesystems" of "denylist" have "nfs"? */
static bool denies_nfs(const char *text)
{
	const char *list = strstr(text, "\"denylist\""), *end, *word;

	list = list ? strstr(list, "\"filesystems\"") : NULL;
	list = list ? strchr(list, '[') : NULL;
	end = list ? strchr(list, ']') : NULL;
	word = list ? strstr(list, "\"nfs\"") : NULL;
	return end && word && word < end;
}

static void look_at_cufile(struct doctor *d)
{
	const char *path = getenv("CUFILE_ENV_PATH_JSON");
	char *text;
	FILE *in;

	if (!path || *d->root)
		path = "/etc/cufile.json";
	in = doctor_open(d, path);
	text = in ? read_all(in) : NULL;
	if (in)
		fclose(in);
	if (!text) {
		doctor_say(d, DOCTOR_NOTE, "cufile", "%s is not there: libcufile uses its defaults", path);
		return;
	}
	blank_comments(text);
	if (denies_nfs(text))
		doctor_say(d, DOCTOR_MISSING, "cufile",
			   "%s denies the file system \"nfs\", which is what libcufile takes penstock for; take it off the denylist", path);
	else
		doctor_say(d, DOCTOR_OK, "cufile", "%s does not deny penstock", path);
	free(text);
}

/* ---- mounts ---- */

static void look_at_mounts(struct doctor *d)
{
	FILE *in = doctor_open(d, "/proc/self/mountstats");
	char *line = NULL, where[256] = "";
	bool rdma = false;
	size_t size = 0;

	while (in && getline(&line, &size, in) > 0) {
		char *at = line + strspn(line, " \t");

		at[strcspn(at, "\n")] = '\0';
		if (!strncmp(at, "device ", 7)) {
			*where = '\0';
			if (strstr(at, " with fstype penstock"))
				sscanf(at, "device %*s mounted on %255s", where);
			rdma = false;
		} else if (*where && !strncmp(at, "path: rdma ", 11)) {
			rdma = true;
		} else if (*where && !strncmp(at, "gpudirect: ", 11)) {
			doctor_say(d, rdma ? DOCTOR_OK : DOCTOR_NOTE, "mount", "%s %s: %s",
				   where, rdma ? "uses RDMA" : "uses TCP, which cannot reach device memory",
				   at + 11);
		}
	}
	free(line);
	if (in)
		fclose(in);
}

void doctor_gpu(struct doctor *d)
{
	look_at_drivers(d);
	look_at_symbols(d);
	look_at_kernel(d);
	look_at_iommu(d);
	doctor_pairs(d);
	look_at_cufile(d);
	look_at_mounts(d);
}

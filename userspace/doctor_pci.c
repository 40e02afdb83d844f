// SPDX-License-Identifier: GPL-2.0
/*
 * penstock doctor --gpu: the PCI devices, and the way from each GPU to each
 * RDMA device.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "helper.h"

#define PCI_CAPS	0x34
#define PCI_CAP_EXP	0x10
#define PCI_EXP_DEVCTL	8
#define PCI_EXP_RELAX	(1 << 4)
#define PCI_EXT_CAPS	0x100
#define PCI_EXT_ACS	0x0d
#define PCI_ACS_CTRL	6
/* request and completion redirect: peers talk by way of the root */
#define PCI_ACS_REDIRECT (1 << 2 | 1 << 3)
#define PCI_SPACE	4096

struct device {
	char name[64];		/* of the RDMA device, or the address */
	char path[DOCTOR_PATH];	/* below /sys/devices */
};

struct devices {
	struct device *dev;
	size_t nr;
};

static void add(struct doctor *d, struct devices *list, const char *name, const char *link)
{
	char whole[DOCTOR_PATH], real[PATH_MAX];
	struct device *dev;

	snprintf(whole, sizeof(whole), "%s%s", d->root, link);
	if (!realpath(whole, real) || !strstr(real, "/pci"))
		return;
	list->dev = xrealloc(list->dev, list->nr + 1, sizeof(*list->dev));
	dev = &list->dev[list->nr++];
	snprintf(dev->name, sizeof(dev->name), "%s", name);
	snprintf(dev->path, sizeof(dev->path), "%s", strstr(real, "/pci"));
}

static DIR *open_dir(struct doctor *d, const char *path)
{
	char whole[DOCTOR_PATH];

	snprintf(whole, sizeof(whole), "%s%s", d->root, path);
	return opendir(whole);
}

/* Display controllers and accelerators that are no part of the board. */
static void find_gpus(struct doctor *d, struct devices *gpus)
{
	DIR *dir = open_dir(d, "/sys/bus/pci/devices");
	char path[512], class[32], vendor[32];
	unsigned long kind;
	struct dirent *de;

	while (dir && (de = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.64s/class", de->d_name);
		doctor_line(d, path, class, sizeof(class));
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.64s/vendor", de->d_name);
		doctor_line(d, path, vendor, sizeof(vendor));
		kind = strtoul(class, NULL, 16) >> 8;
		/* NVIDIA's, AMD's */
		if ((kind >> 8 != 0x03 && kind >> 8 != 0x12) ||
		    (strcmp(vendor, "0x10de") && strcmp(vendor, "0x1002")))
			continue;
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.64s", de->d_name);
		add(d, gpus, de->d_name, path);
	}
	if (dir)
		closedir(dir);
}

static void find_rails(struct doctor *d, struct devices *rails)
{
	DIR *dir = open_dir(d, "/sys/class/infiniband");
	struct dirent *de;
	char path[512];
	size_t before;

	while (dir && (de = readdir(dir))) {
		if (de->d_name[0] == '.')
			continue;
		before = rails->nr;
		snprintf(path, sizeof(path), "/sys/class/infiniband/%.64s/device", de->d_name);
		add(d, rails, de->d_name, path);
		if (rails->nr == before)
			doctor_say(d, DOCTOR_NOTE, "rail",
				   "%s is RDMA in software, which cannot reach device memory", de->d_name);
	}
	if (dir)
		closedir(dir);
}

/* ---- configuration space: all of it is for root only ---- */

static size_t read_space(struct doctor *d, const char *address, uint8_t *space)
{
	char path[128];
	size_t got;
	FILE *in;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%.64s/config", address);
	in = doctor_open(d, path);
	got = in ? fread(space, 1, PCI_SPACE, in) : 0;
	if (in)
		fclose(in);
	return got;
}

/* Where the PCI Express capability is, 0 if it cannot be seen. */
static unsigned int find_express(const uint8_t *space, size_t size)
{
	unsigned int at = size > 64 ? space[PCI_CAPS] & ~3u : 0, n;

	for (n = 0; n < 48 && at >= 64 && at + 16 <= 256; n++) {
		if (space[at] == PCI_CAP_EXP)
			return at;
		at = space[at + 1] & ~3u;
	}
	return 0;
}

static unsigned int find_acs(const uint8_t *space, size_t size)
{
	unsigned int at = PCI_EXT_CAPS, n;

	for (n = 0; n < 128 && at >= PCI_EXT_CAPS && at + 8 <= size; n++) {
		if ((space[at] | space[at + 1] << 8) == PCI_EXT_ACS)
			return at;
		at = (space[at + 2] >> 4 | space[at + 3] << 4) & ~3u;
	}
	return 0;
}

static void look_at_ordering(struct doctor *d, const char *what, const struct device *dev)
{
	const char *address = strrchr(dev->path, '/') + 1;
	uint8_t space[PCI_SPACE];
	size_t size = read_space(d, address, space);
	unsigned int at = find_express(space, size);

	if (at && !(space[at + PCI_EXP_DEVCTL] & PCI_EXP_RELAX))
		doctor_say(d, DOCTOR_NOTE, what,
			   "%s (%s) may not use relaxed ordering, which costs bandwidth between devices", dev->name, address);
}

/* Bridges of @path that send what is for a neighbour up to the root. */
static void look_at_acs(struct doctor *d, const struct device *dev, size_t common)
{
	uint8_t space[PCI_SPACE];
	char path[DOCTOR_PATH], *part, *save;
	unsigned int at;
	size_t size;

	snprintf(path, sizeof(path), "%s", dev->path + common);
	for (part = strtok_r(path, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		size = read_space(d, part, space);
		at = size == PCI_SPACE ? find_acs(space, size) : 0;
		if (at && space[at + PCI_ACS_CTRL] & PCI_ACS_REDIRECT)
			doctor_say(d, DOCTOR_NOTE, "acs",
				   "the bridge %s above %s has ACS redirect on: traffic between devices goes by way of the root; switch it off in the firmware or with pci=disable_acs_redir=%s",
				   part, dev->name, part);
	}
}

/* Length of what both paths begin with, whole components. */
static size_t common_path(const char *a, const char *b)
{
	size_t i, last = 0;

	for (i = 0; a[i] && a[i] == b[i]; i++)
		if (a[i] == '/')
			last = i;
	return last;
}

static void look_at_pair(struct doctor *d, const struct device *gpu, const struct device *rail)
{
	size_t common = common_path(gpu->path, rail->path), i, depth = 0;

	for (i = 1; i <= common; i++)
		depth += gpu->path[i] == '/';
	if (depth > 1) {
		doctor_say(d, DOCTOR_OK, "pair", "GPU %s and %s are behind the same switch: they talk directly",
			   gpu->name, rail->name);
		look_at_acs(d, gpu, common);
		look_at_acs(d, rail, common);
	} else if (depth == 1) {
		doctor_say(d, DOCTOR_NOTE, "pair",
			   "GPU %s and %s meet in the host bridge: they can talk where it forwards (nvidia-fs relies on it, the kernel's peer-to-peer DMA has a list)",
			   gpu->name, rail->name);
	} else {
		doctor_say(d, DOCTOR_NOTE, "pair",
			   "GPU %s and %s are at different root complexes: slow, if it works at all",
			   gpu->name, rail->name);
	}
}

void doctor_pairs(struct doctor *d)
{
	struct devices gpus = {}, rails = {};
	size_t i, j;

	find_gpus(d, &gpus);
	find_rails(d, &rails);
	if (!gpus.nr)
		doctor_say(d, DOCTOR_NOTE, "gpu", "there is no GPU of NVIDIA or AMD");
	if (!rails.nr)
		doctor_say(d, DOCTOR_MISSING, "rail", "there is no RDMA device on PCI, and nothing else reaches device memory");
	for (i = 0; i < gpus.nr; i++)
		look_at_ordering(d, "gpu", &gpus.dev[i]);
	for (i = 0; i < rails.nr; i++)
		look_at_ordering(d, "rail", &rails.dev[i]);
	for (i = 0; i < gpus.nr; i++)
		for (j = 0; j < rails.nr; j++)
			look_at_pair(d, &gpus.dev[i], &rails.dev[j]);
	free(gpus.dev);
	free(rails.dev);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/fs/penstock: a directory for each mounted file system, called by its
 * device number (as in /proc/self/mountinfo).  Its link "paths" leads to the
 * paths of its server in "servers", which mounts of one server share.
 */
#include <linux/sysfs.h>
#include "penstock.h"

static struct kobject *ps_sysfs_root;
static struct kobject *ps_sysfs_servers;

int ps_sysfs_init(void)
{
	ps_sysfs_root = kobject_create_and_add("penstock", fs_kobj);
	if (!ps_sysfs_root)
		return -ENOMEM;
	ps_sysfs_servers = kobject_create_and_add("servers", ps_sysfs_root);
	if (ps_sysfs_servers)
		return 0;
	kobject_put(ps_sysfs_root);
	return -ENOMEM;
}

void ps_sysfs_exit(void)
{
	kobject_put(ps_sysfs_servers);
	kobject_put(ps_sysfs_root);
}

void ps_sysfs_add(struct super_block *sb)
{
	struct kobject *server = pn4_expose(PS_SB(sb)->vol, ps_sysfs_servers);
	struct ps_sb *sbi = PS_SB(sb);
	char name[24];

	if (IS_ERR(server))
		return;
	snprintf(name, sizeof(name), "%u:%u", MAJOR(sb->s_dev), MINOR(sb->s_dev));
	sbi->dir = kobject_create_and_add(name, ps_sysfs_root);
	if (sbi->dir && sysfs_create_link(sbi->dir, server, "paths"))
		ps_sysfs_del(sbi);
}

void ps_sysfs_del(struct ps_sb *sbi)
{
	kobject_put(sbi->dir);
	sbi->dir = NULL;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The note in /run/mount/utab that keeps umount(8) and systemd on the track.
 *
 * The superblock carries the magic of NFS (0x6969), because GPU storage
 * libraries recognise NFS by it.  umount(8) looks at that magic first when
 * root runs a plain "umount DIR", takes the mount for NFS and, where nfs-utils
 * is installed, runs umount.nfs, which refuses.  It skips that look
 *  - when utab has any entry for the directory, whatever it says;
 *  - with -f and -l, and for users other than root.
 * Then it reads the true type from /proc/self/mountinfo, finds no
 * /sbin/umount.penstock and simply calls umount2(2), with whatever flags.
 *
 * So an entry is all that is needed, and it says _netdev:
 *  - systemd reads it from here for mounts made outside fstab; it does not
 *    know our type as a network file system, and only _netdev makes it
 *    unmount before the network goes down;
 *  - "mount -a -O _netdev" and "umount -a -O _netdev" select by it.
 * uhelper=penstock would do for the first point only, and would make every
 * umount(8), also one inside a container that sees this mount, depend on an
 * umount.penstock that has nothing to do.
 */
#include <errno.h>
#include <libmount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "helper.h"

static int fill_fs(struct libmnt_fs *fs, const char *source, const char *dir,
		   const char *extra)
{
	int rc = mnt_fs_set_source(fs, source);

	if (!rc)
		rc = mnt_fs_set_target(fs, dir);
	if (!rc)
		rc = mnt_fs_set_fstype(fs, PENSTOCK_FSTYPE);
	if (!rc)
		rc = mnt_fs_set_options(fs, "_netdev");
	if (!rc && extra)
		rc = mnt_fs_append_options(fs, extra);
	return rc;
}

/* Returns 0 or a negative errno. */
int utab_record(const char *source, const char *dir, const char *extra,
		bool remount)
{
	struct libmnt_update *update = mnt_new_update();
	struct libmnt_fs *fs = mnt_new_fs();
	int rc = -ENOMEM;

	if (update && fs)
		rc = fill_fs(fs, source, dir, extra);
	if (!rc)
		rc = mnt_update_set_fs(update, remount ? MS_REMOUNT : 0,
				       NULL, fs);
	if (!rc)
		rc = mnt_update_table(update, NULL);
	mnt_unref_fs(fs);
	mnt_free_update(update);
	return rc > 0 ? 0 : rc;
}

char *utab_live_options(const char *dir, char **type, char **source)
{
	struct libmnt_table *table;
	struct libmnt_fs *fs = NULL;
	char *options = NULL;

	*type = NULL;
	*source = NULL;
	table = mnt_new_table_from_file("/proc/self/mountinfo");
	if (table)
		fs = mnt_table_find_target(table, dir, MNT_ITER_BACKWARD);
	if (fs) {
		*type = xstrndup(mnt_fs_get_fstype(fs),
				 strlen(mnt_fs_get_fstype(fs)));
		if (mnt_fs_get_source(fs))
			*source = xstrndup(mnt_fs_get_source(fs),
					   strlen(mnt_fs_get_source(fs)));
		options = mnt_fs_strdup_options(fs);
	}
	mnt_unref_table(table);
	return options;
}

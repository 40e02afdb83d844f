// SPDX-License-Identifier: GPL-2.0
/*
 * Stands between mount.penstock, mount(8), umount(8) and the kernel where no
 * penstock.ko is loaded: file system type penstock becomes tmpfs, its options
 * are swallowed, everything is written to $FAKE_TRACE.  Preloaded.
 *
 *   FAKE_OPEN_ERRNO   fsopen fails with it
 *   FAKE_REFUSE       the option of this name is refused (EINVAL)
 *   FAKE_ERRNO        creating the superblock fails with it
 *   FAKE_FAILS        only so many times (a file that counts down)
 *   FAKE_LOG          a line for the log of the fs_context
 *   FAKE_MAGIC        statfs shows the magic of NFS
 */
#include <dlfcn.h>
#include <errno.h>
#include <libmount.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#define NFS_SUPER_MAGIC	0x6969

#define REAL(name)	((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int context_fd = -1;
static int log_lines;

static void trace(const char *fmt, ...)
{
	const char *path = getenv("FAKE_TRACE");
	FILE *out = path ? fopen(path, "a") : NULL;
	va_list args;

	if (!out)
		return;
	va_start(args, fmt);
	vfprintf(out, fmt, args);
	va_end(args);
	putc('\n', out);
	fclose(out);
}

static int fail_with(const char *variable)
{
	const char *number = getenv(variable);

	if (!number)
		return 0;
	errno = atoi(number);
	return -1;
}

int fsopen(const char *type, unsigned int flags)
{
	/* mount(8) itself calls it too, to see what the kernel can do */
	if (!type || strcmp(type, "penstock"))
		return REAL(fsopen)(type, flags);
	trace("fsopen %s", type);
	if (fail_with("FAKE_OPEN_ERRNO"))
		return -1;
	context_fd = REAL(fsopen)("tmpfs", flags);
	log_lines = getenv("FAKE_LOG") ? 1 : 0;
	return context_fd;
}

/* Counts down in the file $FAKE_FAILS; without it a failure is for good. */
static int still_fails(void)
{
	const char *path = getenv("FAKE_FAILS");
	FILE *file = path ? fopen(path, "r+") : NULL;
	int left = 0;

	if (!path)
		return 1;
	if (!file || fscanf(file, "%d", &left) != 1)
		abort();
	rewind(file);
	fprintf(file, "%d\n", left - 1);
	fclose(file);
	return left > 0;
}

static int known_to_vfs(const char *key)
{
	static const char *const keys[] = {
		"source", "ro", "rw", "sync", "async", "dirsync", "lazytime",
		"nolazytime", NULL
	};
	int i;

	for (i = 0; keys[i]; i++)
		if (!strcmp(keys[i], key))
			return 1;
	return 0;
}

int fsconfig(int fd, unsigned int cmd, const char *key, const void *value, int aux)
{
	const char *refused = getenv("FAKE_REFUSE");

	switch (cmd) {
	case FSCONFIG_SET_FLAG:
		trace("flag %s", key);
		break;
	case FSCONFIG_SET_STRING:
		trace("set %s=%s", key, (const char *)value);
		break;
	case FSCONFIG_SET_BINARY:
		trace("binary %s %d", key, aux);
		return 0;
	case FSCONFIG_CMD_CREATE:
		trace("create");
		if (getenv("FAKE_ERRNO") && still_fails())
			return fail_with("FAKE_ERRNO");
		break;
	case FSCONFIG_CMD_RECONFIGURE:
		trace("reconfigure");
		break;
	}
	if (key && refused && !strcmp(refused, key)) {
		errno = EINVAL;
		return -1;
	}
	if (key && !known_to_vfs(key))
		return 0;
	return REAL(fsconfig)(fd, cmd, key, value, aux);
}

ssize_t read(int fd, void *buf, size_t size)
{
	if (fd == context_fd && log_lines) {
		log_lines--;
		return snprintf(buf, size, "%s\n", getenv("FAKE_LOG"));
	}
	return REAL(read)(fd, buf, size);
}

const char *mnt_fs_get_fstype(struct libmnt_fs *fs)
{
	const char *type = REAL(mnt_fs_get_fstype)(fs);

	return type && !strcmp(type, "tmpfs") ? "penstock" : type;
}

int statfs(const char *path, struct statfs *buf)
{
	int rc = REAL(statfs)(path, buf);

	if (!rc && getenv("FAKE_MAGIC"))
		buf->f_type = NFS_SUPER_MAGIC;
	return rc;
}

int fstatfs(int fd, struct statfs *buf)
{
	int rc = REAL(fstatfs)(fd, buf);

	if (!rc && getenv("FAKE_MAGIC"))
		buf->f_type = NFS_SUPER_MAGIC;
	return rc;
}

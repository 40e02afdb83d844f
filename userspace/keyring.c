// SPDX-License-Identifier: GPL-2.0
/*
 * Keys in root's user keyring.  They stay when this process ends, root's other
 * processes (tlshd) read them by serial, and replacing one keeps its serial, so
 * that a mount finds the new key when it connects the next time.
 */
#include <errno.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "helper.h"

/* The possessor may do all, others of the same user view, read, write, search. */
#define KEY_PERM	0x3f0f0000u

static long keyctl(int op, unsigned long a, unsigned long b, unsigned long c,
		   unsigned long d)
{
	return syscall(SYS_keyctl, op, a, b, c, d);
}

int keyring_find(const char *name)
{
	long serial = keyctl(KEYCTL_SEARCH, (unsigned long)KEY_SPEC_USER_KEYRING,
			     (unsigned long)"user", (unsigned long)name, 0);

	return serial < 0 ? 0 : (int)serial;
}

int keyring_put(const char *name, const void *data, size_t len)
{
	int serial = keyring_find(name);

	if (serial && !keyctl(KEYCTL_UPDATE, serial, (unsigned long)data, len, 0))
		return serial;
	serial = syscall(SYS_add_key, "user", name, data, len,
			 (unsigned long)KEY_SPEC_USER_KEYRING);
	if (serial >= 0 && keyctl(KEYCTL_SETPERM, serial, KEY_PERM, 0, 0))
		return -1;
	return serial;
}

long keyring_read(int serial, void *data, size_t size)
{
	long len = keyctl(KEYCTL_READ, serial, (unsigned long)data, size, 0);

	return len > (long)size ? -1 : len;
}

int keyring_drop(int serial)
{
	return keyctl(KEYCTL_UNLINK, serial, (unsigned long)KEY_SPEC_USER_KEYRING,
		      0, 0) ? -1 : 0;
}

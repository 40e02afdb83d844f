/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_LINUX_LCM_H
#define SHIM_LINUX_LCM_H

static inline unsigned long lcm(unsigned long a, unsigned long b)
{
	unsigned long n = a;

	while (n % b)
		n += a;
	return n;
}

#endif

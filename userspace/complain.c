// SPDX-License-Identifier: GPL-2.0
/* Sentences and memory: the little that every other file needs. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "helper.h"

int complain(char *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, WHY_MAX, fmt, args);
	va_end(args);
	return -1;
}

static void out_of_memory(void)
{
	fputs("mount.penstock: out of memory\n", stderr);
	exit(EXIT_SYSTEM);
}

void *xrealloc(void *old, size_t count, size_t size)
{
	void *new = reallocarray(old, count, size);

	if (!new)
		out_of_memory();
	return new;
}

char *xstrndup(const char *text, size_t len)
{
	char *copy = strndup(text, len);

	if (!copy)
		out_of_memory();
	return copy;
}

/* SPDX-License-Identifier: GPL-2.0 */
/* A failed check says where and ends the program; a test is a function. */
#ifndef PENSTOCK_CHECK_H
#define PENSTOCK_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			printf("%s:%d: failed: %s\n", __FILE__,		\
			       __LINE__, #cond);			\
			exit(1);					\
		}							\
	} while (0)

#define CHECK_STR(got, want)						\
	do {								\
		const char *got_ = (got), *want_ = (want);		\
		if (strcmp(got_, want_)) {				\
			printf("%s:%d: got  '%s'\n", __FILE__, __LINE__, got_); \
			printf("%s:%d: want '%s'\n", __FILE__, __LINE__, want_); \
			exit(1);					\
		}							\
	} while (0)

#define CHECK_HAS(got, part)						\
	do {								\
		const char *got_ = (got), *part_ = (part);		\
		if (!strstr(got_, part_)) {				\
			printf("%s:%d: '%s'\n", __FILE__, __LINE__, got_); \
			printf("%s:%d: lacks '%s'\n", __FILE__, __LINE__, part_); \
			exit(1);					\
		}							\
	} while (0)

#endif

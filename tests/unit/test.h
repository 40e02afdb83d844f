/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A test is a function; each runs in a process of its own, so that a crash or
 * a sanitizer's report fails that test and no other.
 */
#ifndef UNIT_TEST_H
#define UNIT_TEST_H

#include <linux/types.h>
#include "../../net/xdr.h"

struct test {
	const char *name;
	void (*run)(void);
	struct test *next;
};

void test_add(struct test *t);
void test_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

#define TEST(fn) \
	static void fn(void); \
	static struct test fn##_test = { #fn, fn, NULL }; \
	__attribute__((constructor)) static void fn##_add(void) \
	{ \
		test_add(&fn##_test); \
	} \
	static void fn(void)

#define CHECK(cond) do { \
	if (!(cond)) \
		test_fail(__FILE__, __LINE__, "%s", #cond); \
} while (0)

#define CHECK_EQ(a, b) do { \
	long long a_ = (long long)(a), b_ = (long long)(b); \
	if (a_ != b_) \
		test_fail(__FILE__, __LINE__, "%s is %lld, not %s = %lld", \
			  #a, a_, #b, b_); \
} while (0)

#define CHECK_STR(p, len, str) do { \
	if ((len) != strlen(str) || memcmp(p, str, len)) \
		test_fail(__FILE__, __LINE__, "%s is '%.*s', not '%s'", #p, \
			  (int)(len), (const char *)(p), str); \
} while (0)

#endif

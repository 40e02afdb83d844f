// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the tests, one line each, and a summary.
 *
 *	unit			all
 *	unit NAME...		those whose names contain one of NAME
 *	unit --seeds DIR DIR	write the golden replies and the RDMA messages there,
 *				for the fuzzers
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "golden.h"
#include "rdma_messages.h"
#include "test.h"

static struct test *tests, **last = &tests;

/* Nothing under test allocates; the tests' own buffers do not matter. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

void test_add(struct test *t)
{
	*last = t;
	last = &t->next;
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("  %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	_exit(1);
}

static bool test_passes(const struct test *t)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (!pid) {
		t->run();
		fflush(stdout);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status))
		printf("  %s: %s\n", t->name, strsignal(WTERMSIG(status)));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool wanted(const struct test *t, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strstr(t->name, argv[i]))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	unsigned int passed = 0, failed = 0;
	struct test *t;

	if (argc == 4 && !strcmp(argv[1], "--seeds"))
		return golden_write_seeds(argv[2]) || rdma_write_seeds(argv[3]);
	for (t = tests; t; t = t->next) {
		bool ok;

		if (!wanted(t, argc, argv))
			continue;
		ok = test_passes(t);
		printf("%s %s\n", ok ? "ok  " : "FAIL", t->name);
		*(ok ? &passed : &failed) += 1;
	}
	printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed || !passed;
}

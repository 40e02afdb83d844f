// SPDX-License-Identifier: GPL-2.0
/*
 * Metadata load: one kind of operation on many small files.
 *
 *	psmeta DIR COUNT create|stat|open-read|unlink [FIFO NAME]
 *
 * create	open(O_CREAT|O_EXCL), write 4 KiB, close
 * stat		stat, and the size is checked
 * open-read	open, read 4 KiB, close, and the bytes are checked
 * unlink	unlink
 *
 * With FIFO it tells psnap where the window NAME begins and ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE 4096

static char want[SIZE], got[SIZE];

static void die(const char *name, const char *what)
{
	fprintf(stderr, "psmeta: %s: %s: %s\n", name, what, strerror(errno));
	exit(1);
}

static void do_create(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);

	if (fd < 0)
		die(name, "create");
	errno = 0;
	if (write(fd, want, SIZE) != SIZE)
		die(name, "write");
	if (close(fd))
		die(name, "close");
}

static void do_stat(const char *name)
{
	struct stat st;

	if (stat(name, &st))
		die(name, "stat");
	errno = 0;
	if (st.st_size != SIZE)
		die(name, "the size is wrong");
}

static void do_open_read(const char *name)
{
	int fd = open(name, O_RDONLY);

	if (fd < 0)
		die(name, "open");
	errno = 0;
	if (read(fd, got, SIZE) != SIZE)
		die(name, "read");
	if (memcmp(got, want, SIZE))
		die(name, "the bytes are wrong");
	if (close(fd))
		die(name, "close");
}

static void do_unlink(const char *name)
{
	if (unlink(name))
		die(name, "unlink");
}

static void tell(int fifo, const char *word, const char *name)
{
	char line[256];
	int n = snprintf(line, sizeof(line), "%s %s\n", word, name);

	if (fifo >= 0 && write(fifo, line, n) != n)
		die(name, "fifo");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*func)(const char *name);
	} ops[] = {
		{ "create", do_create },
		{ "stat", do_stat },
		{ "open-read", do_open_read },
		{ "unlink", do_unlink },
	};
	void (*func)(const char *name) = NULL;
	int i, count, fifo = -1;
	char name[32];

	for (i = 0; argc > 3 && i < (int)(sizeof(ops) / sizeof(ops[0])); i++)
		if (!strcmp(argv[3], ops[i].name))
			func = ops[i].func;
	if ((argc != 4 && argc != 6) || !func) {
		fprintf(stderr, "usage: psmeta DIR COUNT create|stat|open-read|unlink [FIFO NAME]\n");
		return 2;
	}
	count = atoi(argv[2]);
	for (i = 0; i < SIZE; i++)
		want[i] = i * 7 + i / 256;
	if (chdir(argv[1]))
		die(argv[1], "chdir");
	if (argc == 6) {
		fifo = open(argv[4], O_WRONLY);
		if (fifo < 0)
			die(argv[4], "open");
	}
	tell(fifo, "begin", argv[5]);
	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "file%06d", i);
		func(name);
	}
	tell(fifo, "end", argv[5]);
	return 0;
}

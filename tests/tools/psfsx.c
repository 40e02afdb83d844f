// SPDX-License-Identifier: GPL-2.0
/*
 * psfsx - random operations on one file, compared byte by byte with a shadow
 *
 *	psfsx [-n operations] [-s seed] [-l file size limit] [-o io size limit]
 *	      [-m modes] [-c close every N] FILE
 *
 * Every operation changes or reads a random range through one of the ways a
 * program has: read/write, direct I/O of any alignment, vectors, shared
 * mmap, truncate, fallocate, punch hole, copy_file_range, append, fsync, drop
 * of the page cache, close and open. What is read must be what the shadow buffer
 * holds. On a difference the last operations are printed, and the same seed
 * repeats the run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define HISTORY	64

static const char *path;
static size_t limit = 1 << 20, io_limit = 64 << 10;
static unsigned char *shadow;	/* limit bytes; zero behind size */
static unsigned char *bounce;	/* page aligned, limit + a page */
static size_t size;
static int fd = -1, direct_fd = -1;
static unsigned long op_number;
static uint64_t state;
static char history[HISTORY][160];

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dULL;
}

static size_t below(size_t n)
{
	return n ? (rnd() >> 11) % n : 0;
}

static void __attribute__((format(printf, 1, 2))) note(const char *fmt, ...)
{
	char *line = history[op_number % HISTORY];
	int used = snprintf(line, sizeof(history[0]), "%lu: ", op_number);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + used, sizeof(history[0]) - used, fmt, ap);
	va_end(ap);
}

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	unsigned long i = op_number >= HISTORY ? op_number - HISTORY + 1 : 0;
	va_list ap;

	for (; i <= op_number; i++)
		printf("  %s\n", history[i % HISTORY]);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(1);
}

static void compare(const unsigned char *got, size_t off, size_t len, const char *how)
{
	size_t i, end;

	if (!memcmp(got, shadow + off, len))
		return;
	for (i = 0; got[i] == shadow[off + i]; i++)
		;
	for (end = len; got[end - 1] == shadow[off + end - 1]; end--)
		;
	die("WRONG DATA by %s: file bytes 0x%zx..0x%zx differ (read 0x%zx+0x%zx, size 0x%zx); at the first: got %02x, wanted %02x",
	    how, off + i, off + end - 1, off, len, size, got[i], shadow[off + i]);
}

static void check_size(void)
{
	struct stat st;

	if (fstat(fd, &st))
		die("fstat: %s", strerror(errno));
	if ((size_t)st.st_size != size)
		die("WRONG SIZE: 0x%llx, wanted 0x%zx", (unsigned long long)st.st_size, size);
}

static void fill(size_t off, size_t len)
{
	uint64_t v = rnd();
	size_t i;

	for (i = 0; i < len; i++)
		shadow[off + i] = (unsigned char)(v >> (8 * (i % 7))) + i + op_number;
	if (off + len > size)
		size = off + len;
}

/* A range to write: anywhere up to the limit. */
static void write_range(size_t *off, size_t *len)
{
	*len = 1 + below(io_limit);
	*off = below(limit - *len + 1);
	if (below(4) == 0) {		/* page boundaries are where errors live */
		*off &= ~4095UL;
		if (below(2))
			*len = (*len + 4095) & ~4095UL;
		if (*off + *len > limit)
			*len = limit - *off;
	}
}

/* A range to read or punch: inside the file; false if the file is empty. */
static int read_range(size_t *off, size_t *len)
{
	if (!size)
		return 0;
	*off = below(size);
	*len = 1 + below(io_limit);
	if (*off + *len > size)
		*len = size - *off;
	return 1;
}

static void full_write(int to, const unsigned char *data, size_t len, size_t off, const char *how)
{
	while (len) {
		ssize_t n = pwrite(to, data, len, off);

		if (n <= 0)
			die("%s of 0x%zx at 0x%zx: %s", how, len, off, n ? strerror(errno) : "wrote nothing");
		data += n;
		len -= n;
		off += n;
	}
}

static void full_read(int from, unsigned char *data, size_t len, size_t off, const char *how)
{
	while (len) {
		ssize_t n = pread(from, data, len, off);

		if (n <= 0)
			die("%s of 0x%zx at 0x%zx: %s", how, len, off, n ? strerror(errno) : "unexpected end of file");
		data += n;
		len -= n;
		off += n;
	}
}

static void op_write(void)
{
	size_t off, len;

	write_range(&off, &len);
	note("write 0x%zx+0x%zx", off, len);
	fill(off, len);
	full_write(fd, shadow + off, len, off, "write");
}

static void op_read(void)
{
	size_t off, len;

	if (!read_range(&off, &len))
		return;
	note("read 0x%zx+0x%zx", off, len);
	full_read(fd, bounce, len, off, "read");
	compare(bounce, off, len, "read");
}

static void op_read_end(void)
{
	size_t off = size > 5000 ? size - 1 - below(5000) : 0;
	ssize_t n;

	note("read over the end from 0x%zx", off);
	n = pread(fd, bounce, size - off + 8192 > limit ? limit : size - off + 8192, off);
	if (n != (ssize_t)(size - off) && size - off + 8192 <= limit)
		die("read over the end: got 0x%zx, wanted 0x%zx", n, size - off);
	if (n > 0)
		compare(bounce, off, n, "read over the end");
}

/* Direct I/O of any alignment, also of memory. */
static void op_direct_write(void)
{
	size_t off, len, skew = below(3) ? 0 : below(4096);

	write_range(&off, &len);
	if (below(2)) {
		off &= ~511UL;
		len = (len + 511) & ~511UL;
		if (off + len > limit)
			len = limit - off;
	}
	note("direct write 0x%zx+0x%zx memory skew 0x%zx", off, len, skew);
	fill(off, len);
	memcpy(bounce + skew, shadow + off, len);
	full_write(direct_fd, bounce + skew, len, off, "direct write");
}

static void op_direct_read(void)
{
	size_t off, len, skew = below(3) ? 0 : below(4096);

	if (!read_range(&off, &len))
		return;
	note("direct read 0x%zx+0x%zx memory skew 0x%zx", off, len, skew);
	full_read(direct_fd, bounce + skew, len, off, "direct read");
	compare(bounce + skew, off, len, "direct read");
}

static void op_vector(void)
{
	struct iovec iov[3];
	size_t off, len, a, b, done = 0;
	int i;

	write_range(&off, &len);
	if (len < 3)
		return;
	a = 1 + below(len - 2);
	b = 1 + below(len - a - 1);
	note("writev 0x%zx+0x%zx+0x%zx+0x%zx", off, a, b, len - a - b);
	fill(off, len);
	for (i = 0; i < 3; i++) {
		iov[i].iov_base = shadow + off + done;
		iov[i].iov_len = i == 0 ? a : i == 1 ? b : len - a - b;
		done += iov[i].iov_len;
	}
	if (pwritev(fd, iov, 3, off) != (ssize_t)len)
		die("pwritev: %s", strerror(errno));
}

static void op_map_write(void)
{
	size_t off, len, base;
	unsigned char *map;

	write_range(&off, &len);
	note("mmap write 0x%zx+0x%zx", off, len);
	if (off + len > size) {
		/* The rest of the last page must be zero for the shadow to hold. */
		if (ftruncate(fd, off + len))
			die("ftruncate for mmap: %s", strerror(errno));
		size = off + len;
	}
	base = off & ~4095UL;
	map = mmap(NULL, off + len - base, PROT_READ | PROT_WRITE, MAP_SHARED, fd, base);
	if (map == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	compare(map, base, off + len - base, "mmap before writing");
	fill(off, len);
	memcpy(map + off - base, shadow + off, len);
	if (below(2) && msync(map, off + len - base, MS_SYNC))
		die("msync: %s", strerror(errno));
	if (munmap(map, off + len - base))
		die("munmap: %s", strerror(errno));
}

static void op_map_read(void)
{
	size_t off, len, base, i, end;
	unsigned char *map;

	if (!read_range(&off, &len))
		return;
	note("mmap read 0x%zx+0x%zx", off, len);
	base = off & ~4095UL;
	map = mmap(NULL, off + len - base, PROT_READ, MAP_SHARED, fd, base);
	if (map == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	compare(map + off - base, off, len, "mmap read");
	/* Behind the end of the file a page holds zeroes. */
	end = ((off + len + 4095) & ~4095UL) - base;
	if (off + len == size)
		for (i = off + len - base; i < end; i++)
			if (map[i])
				die("mmap: byte 0x%zx behind the end (0x%zx) is %02x",
				    base + i, size, map[i]);
	munmap(map, off + len - base);
}

static void op_truncate(void)
{
	size_t to = below(3) ? below(limit) : below(size + 1);

	note("truncate 0x%zx -> 0x%zx", size, to);
	if (ftruncate(fd, to))
		die("ftruncate: %s", strerror(errno));
	if (to < size)
		memset(shadow + to, 0, size - to);
	size = to;
}

static void op_allocate(void)
{
	size_t off, len;

	write_range(&off, &len);
	note("fallocate 0x%zx+0x%zx", off, len);
	if (fallocate(fd, 0, off, len)) {
		if (errno != EOPNOTSUPP)
			die("fallocate: %s", strerror(errno));
		return;
	}
	if (off + len > size)
		size = off + len;
}

static void op_punch(void)
{
	size_t off, len;

	if (!read_range(&off, &len))
		return;
	note("punch hole 0x%zx+0x%zx", off, len);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len)) {
		if (errno != EOPNOTSUPP)
			die("punch hole: %s", strerror(errno));
		return;
	}
	memset(shadow + off, 0, len);
}

static void op_copy(void)
{
	size_t off, len, left;
	loff_t in, out;

	if (!read_range(&off, &len))
		return;
	in = off;
	out = below(limit - len + 1);
	if ((size_t)out < off + len && off < out + len)
		return;			/* overlap is refused */
	note("copy_file_range 0x%zx+0x%zx -> 0x%llx", off, len, (long long)out);
	memcpy(shadow + out, shadow + off, len);
	if (out + len > size)
		size = out + len;
	for (left = len; left;) {
		ssize_t n = copy_file_range(fd, &in, fd, &out, left, 0);

		if (n <= 0)
			die("copy_file_range: %s", n ? strerror(errno) : "copied nothing");
		left -= n;
	}
}

static void op_append(void)
{
	size_t len = 1 + below(5000);
	int afd;

	if (size + len > limit)
		return;
	note("append 0x%zx at 0x%zx", len, size);
	afd = open(path, O_WRONLY | O_APPEND);
	if (afd < 0)
		die("open for append: %s", strerror(errno));
	fill(size, len);
	if (write(afd, shadow + size - len, len) != (ssize_t)len)
		die("append: %s", strerror(errno));
	if (close(afd))
		die("close after append: %s", strerror(errno));
}

static void op_sync(void)
{
	int which = below(3);

	note("%s", which == 0 ? "fsync" : which == 1 ? "fdatasync" : "drop cache");
	if (which == 0 ? fsync(fd) : fdatasync(fd))
		die("fsync: %s", strerror(errno));
	if (which == 2)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static void op_holes(void)
{
	off_t at = 0, data, hole;
	size_t i;

	note("seek data/hole over 0x%zx", size);
	while (at < (off_t)size) {
		data = lseek(fd, at, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			die("SEEK_DATA: %s", strerror(errno));
		for (i = at; i < (data < 0 ? size : (size_t)data); i++)
			if (shadow[i])
				die("SEEK_DATA says hole where there is data: 0x%zx", i);
		if (data < 0)
			break;
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole <= data || hole > (off_t)size)
			die("SEEK_HOLE from 0x%llx: 0x%llx", (long long)data, (long long)hole);
		at = hole;
	}
}

static void open_both(int flags)
{
	fd = open(path, O_RDWR | flags, 0644);
	direct_fd = open(path, O_RDWR | O_DIRECT);
	if (fd < 0 || direct_fd < 0)
		die("open %s: %s", path, strerror(errno));
}

static void op_reopen(void)
{
	note("close and open");
	if (close(fd) || close(direct_fd))
		die("close: %s", strerror(errno));
	open_both(0);
}

static void check_all(void)
{
	check_size();
	full_read(fd, bounce, size, 0, "final read");
	compare(bounce, 0, size, "final read");
}

static const struct op {
	char mode;
	int weight;
	void (*fn)(void);
} ops[] = {
	{ 'w', 6, op_write },		{ 'r', 5, op_read },
	{ 'r', 1, op_read_end },	{ 'v', 1, op_vector },
	{ 'd', 3, op_direct_write },	{ 'd', 3, op_direct_read },
	{ 'm', 3, op_map_write },	{ 'm', 3, op_map_read },
	{ 't', 2, op_truncate },	{ 'f', 1, op_allocate },
	{ 'f', 1, op_punch },		{ 'c', 1, op_copy },
	{ 'a', 1, op_append },		{ 's', 1, op_sync },
	{ 'h', 1, op_holes },		{ 'o', 1, op_reopen },
};

int main(int argc, char **argv)
{
	const char *modes = "wrvdmtfcasho";
	unsigned long count = 1000, seed = 1;
	size_t i, total = 0, pick;
	int c;

	while ((c = getopt(argc, argv, "n:s:l:o:m:")) != -1) {
		switch (c) {
		case 'n': count = strtoul(optarg, NULL, 0); break;
		case 's': seed = strtoul(optarg, NULL, 0); break;
		case 'l': limit = strtoul(optarg, NULL, 0); break;
		case 'o': io_limit = strtoul(optarg, NULL, 0); break;
		case 'm': modes = optarg; break;
		default: return 2;
		}
	}
	if (optind != argc - 1 || io_limit >= limit) {
		fprintf(stderr, "usage: psfsx [-n ops] [-s seed] [-l limit] [-o io limit] [-m modes] FILE\n");
		return 2;
	}
	path = argv[optind];
	state = seed * 0x9e3779b97f4a7c15ULL + 1;
	shadow = calloc(1, limit + 4096);
	bounce = mmap(NULL, limit + 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!shadow || bounce == MAP_FAILED)
		return 2;
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strchr(modes, ops[i].mode))
			total += ops[i].weight;
	open_both(O_CREAT | O_TRUNC);
	for (op_number = 0; op_number < count; op_number++) {
		note("nothing");
		pick = below(total);
		for (i = 0; ; i++) {
			if (!strchr(modes, ops[i].mode))
				continue;
			if (pick < (size_t)ops[i].weight)
				break;
			pick -= ops[i].weight;
		}
		ops[i].fn();
		if (op_number % 16 == 15)
			check_size();
		if (op_number % 1000 == 999)
			check_all();
	}
	op_number = count - 1;
	check_all();
	if (close(fd) || close(direct_fd))
		die("close: %s", strerror(errno));
	open_both(0);
	check_all();
	printf("psfsx: %lu operations, seed %lu, size 0x%zx: all bytes right\n", count, seed, size);
	return 0;
}

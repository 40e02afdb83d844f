// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots of every thread's run time at both ends of a measured window.
 *
 *	psnap FIFO OUT NFSD_STAT [PERIOD]
 *
 * The load writes "begin NAME" and "end NAME" lines to FIFO. This program has
 * the highest real-time priority on a machine with one processor, so it runs
 * as soon as the write returns and nothing else runs until it is done: all
 * other threads are off the processor and their schedstat is up to date.
 * After each "end" one JSON object is appended to OUT. NFSD_STAT is
 * /proc/PID/net/rpc/nfsd of a process in the server's network namespace.
 *
 * With PERIOD (virtual nanoseconds) the window is sampled as well, with kernel
 * stacks; the ring buffer goes to OUT.NAME.samples as the kernel wrote it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TEXT_MAX	(1 << 20)
#define RING_PAGES	(1 << 14)

struct text {
	size_t len;
	char buf[TEXT_MAX];
};

static struct text begin_text, end_text;
static const char *out_path, *nfsd_stat;

static struct {
	int fd;
	struct perf_event_mmap_page *ring;
} prof = { .fd = -1 };

static void die(const char *what)
{
	fprintf(stderr, "psnap: %s: %s\n", what, strerror(errno));
	exit(1);
}

__attribute__((format(printf, 2, 3)))
static void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, TEXT_MAX - t->len, fmt, ap);
	va_end(ap);
	if (n < 0 || t->len + n >= TEXT_MAX) {
		errno = ENOSPC;
		die("too many threads");
	}
	t->len += n;
}

/* Whole text of a small file, NUL-terminated; -1 if it has gone. */
static ssize_t slurp(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	close(fd);
	buf[len] = 0;
	return len;
}

static unsigned long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* As the inside of a JSON string */
static void put_quoted(struct text *t, const char *s)
{
	for (; *s && *s != '\n'; s++)
		put(t, "%c", *s == '"' || *s == '\\' || *s < ' ' ? '_' : *s);
}

/* Only a kernel thread (or a zombie) has no command line. */
static bool is_kernel(const char *pid)
{
	char path[64], buf[2];

	snprintf(path, sizeof(path), "/proc/%.16s/cmdline", pid);
	return slurp(path, buf, sizeof(buf)) <= 0;
}

/* [tid, is kernel thread, comm, run time in ns, times switched to] */
static void put_thread(struct text *t, const char *pid, const char *tid, bool kernel,
		       bool *comma)
{
	char path[600], comm[64], stat[128];
	unsigned long long run, wait, switches;

	snprintf(path, sizeof(path), "/proc/%.16s/task/%.16s/comm", pid, tid);
	if (slurp(path, comm, sizeof(comm)) < 0)
		return;
	snprintf(path, sizeof(path), "/proc/%.16s/task/%.16s/schedstat", pid, tid);
	if (slurp(path, stat, sizeof(stat)) < 0)
		return;
	if (sscanf(stat, "%llu %llu %llu", &run, &wait, &switches) != 3)
		return;
	put(t, "%s[%s,%d,\"", *comma ? "," : "", tid, kernel);
	put_quoted(t, comm);
	put(t, "\",%llu,%llu]", run, switches);
	*comma = true;
}

static void put_threads(struct text *t)
{
	struct dirent *p, *k;
	bool comma = false, kernel;
	char path[300];
	DIR *procs = opendir("/proc"), *tasks;

	if (!procs)
		die("/proc");
	put(t, "\"threads\":[");
	while ((p = readdir(procs))) {
		if (p->d_name[0] < '0' || p->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/task", p->d_name);
		tasks = opendir(path);
		if (!tasks)
			continue;
		kernel = is_kernel(p->d_name);
		while ((k = readdir(tasks)))
			if (k->d_name[0] != '.')
				put_thread(t, p->d_name, k->d_name, kernel, &comma);
		closedir(tasks);
	}
	closedir(procs);
	put(t, "]");
}

static void put_server(struct text *t)
{
	static char buf[16384];
	char *line, *save;

	if (slurp(nfsd_stat, buf, sizeof(buf)) < 0)
		die(nfsd_stat);
	put(t, "\"nfsd\":[");
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		put(t, "%s\"", line == buf ? "" : ",");
		put_quoted(t, line);
		put(t, "\"");
	}
	put(t, "]");
}

static unsigned long long switches(void)
{
	static char buf[65536];
	char *at;

	if (slurp("/proc/stat", buf, sizeof(buf)) < 0 || !(at = strstr(buf, "\nctxt ")))
		die("/proc/stat");
	return strtoull(at + 6, NULL, 10);
}

static void begin(void)
{
	begin_text.len = 0;
	put_threads(&begin_text);
	put(&begin_text, ",");
	put_server(&begin_text);
	put(&begin_text, ",\"ctxt\":%llu", switches());
	if (prof.fd >= 0 && ioctl(prof.fd, PERF_EVENT_IOC_ENABLE, 0))
		die("cannot start sampling");
	put(&begin_text, ",\"ns\":%llu", now_ns());
}

static void write_all(int fd, const char *buf, size_t len)
{
	ssize_t n;

	for (; len; buf += n, len -= n) {
		n = write(fd, buf, len);
		if (n <= 0)
			die(out_path);
	}
}

static void save_samples(const char *name)
{
	const char *data = (char *)prof.ring + prof.ring->data_offset;
	size_t size = prof.ring->data_size, from = prof.ring->data_tail % size;
	size_t len = prof.ring->data_head - prof.ring->data_tail;
	size_t first = len < size - from ? len : size - from;
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s.%s.samples", out_path, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		die(path);
	write_all(fd, data + from, first);
	write_all(fd, data, len - first);
	close(fd);
	prof.ring->data_tail = prof.ring->data_head;
}

static void end(const char *name)
{
	unsigned long long ns = now_ns();
	int fd;

	if (prof.fd >= 0)
		ioctl(prof.fd, PERF_EVENT_IOC_DISABLE, 0);
	end_text.len = 0;
	put(&end_text, "\"ns\":%llu,\"ctxt\":%llu,", ns, switches());
	put_threads(&end_text);
	put(&end_text, ",");
	put_server(&end_text);

	fd = open(out_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd < 0)
		die(out_path);
	dprintf(fd, "{\"name\":\"%s\",\"begin\":{", name);
	write_all(fd, begin_text.buf, begin_text.len);
	dprintf(fd, "},\"end\":{");
	write_all(fd, end_text.buf, end_text.len);
	dprintf(fd, "}}\n");
	close(fd);
	if (prof.fd >= 0)
		save_samples(name);
}

static void open_profile(unsigned long long period)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = period,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_CALLCHAIN,
		.disabled = 1,
		.exclude_callchain_user = 1,
	};

	prof.fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (prof.fd < 0)
		die("perf_event_open");
	prof.ring = mmap(NULL, (RING_PAGES + 1) * 4096ul, PROT_READ | PROT_WRITE, MAP_SHARED,
			 prof.fd, 0);
	if (prof.ring == MAP_FAILED)
		die("perf ring buffer");
}

int main(int argc, char **argv)
{
	struct sched_param prio = { .sched_priority = 90 };
	char line[256], name[200];
	FILE *fifo;
	int fd;

	if (argc < 4 || argc > 5) {
		fprintf(stderr, "usage: psnap FIFO OUT NFSD_STAT [PERIOD]\n");
		return 2;
	}
	out_path = argv[2];
	nfsd_stat = argv[3];
	if (argc == 5)
		open_profile(strtoull(argv[4], NULL, 10));
	if (sched_setscheduler(0, SCHED_FIFO, &prio) || mlockall(MCL_CURRENT | MCL_FUTURE))
		die("real-time priority");
	/* For writing too, so that the last writer's close is no end of file. */
	fd = open(argv[1], O_RDWR);
	if (fd < 0)
		die(argv[1]);
	fifo = fdopen(fd, "r");
	while (fgets(line, sizeof(line), fifo)) {
		if (sscanf(line, "begin %199s", name) == 1)
			begin();
		else if (sscanf(line, "end %199s", name) == 1)
			end(name);
	}
	return 0;
}

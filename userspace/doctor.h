/* SPDX-License-Identifier: GPL-2.0 */
/* penstock doctor: what its files share. */
#ifndef PENSTOCK_DOCTOR_H
#define PENSTOCK_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define DOCTOR_PATH	4096

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_NOTE,		/* works, but is worth knowing */
	DOCTOR_MISSING,		/* GPUDirect does not work without it */
};

struct finding {
	enum doctor_state state;
	const char *subject;
	char text[512];
};

/**
 * struct doctor - one examination
 * @root: in front of every path; "" but in tests
 * @found: @nr findings
 * @missing: one of them is DOCTOR_MISSING
 */
struct doctor {
	const char *root;
	struct finding *found;
	size_t nr;
	bool missing;
};

/* doctor.c */
void doctor_say(struct doctor *d, enum doctor_state state, const char *subject,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));
FILE *doctor_open(const struct doctor *d, const char *path);
/* The first line of @path; false: there is none, and @line is empty. */
bool doctor_line(const struct doctor *d, const char *path, char *line, size_t size);

/* doctor_gpu.c */
void doctor_gpu(struct doctor *d);

/* doctor_pci.c: which GPU and which RDMA device can talk directly */
void doctor_pairs(struct doctor *d);

#endif

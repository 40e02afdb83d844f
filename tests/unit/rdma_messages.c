// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "rdma_messages.h"
#include "wire.h"

#define SEG1	"0x11 4096 q0x1000 "
#define SEG2	"0x22 8192 q0xffff888000002000 "
/* RPC reply: xid, REPLY, accepted, no verifier, success */
#define REPLY	"7 1 0 0 0 0 "

const struct rdma_message rdma_messages[] = {
	{ "inline", "7 1 32 0  0 0 0 " REPLY "0 0 1 53 0", 36 },
	{ "write_chunk", "7 1 32 0  0  1 1 " SEG1 "0  0 " REPLY, 16 },
	{ "write_chunk_of_two", "7 1 32 0  0  1 2 " SEG1 SEG2 "0  0 " REPLY, 16 },
	{ "write_chunk_empty", "7 1 32 0  0  1 0 0  0 " REPLY, 16 },
	{ "write_and_reply", "7 1 32 0  0  1 1 " SEG1 "0  1 1 " SEG2 REPLY, 16 },
	{ "long", "7 1 32 1  0 0  1 1 " SEG2, 0 },
	{ "long_of_two", "7 1 32 1  0 0  1 2 " SEG1 SEG2, 0 },
	{ "long_with_write", "7 1 32 1  0  1 1 " SEG1 "0  1 1 " SEG2, 0 },
	{ "error_vers", "7 1 32 4 1 1 1", 0 },
	{ "error_chunk", "7 1 32 4 2", 0 },
	{ "callback", "7 1 32 0  0 0 0  7 0 2 0x40000000 1 1 0 0 0 0", 32 },
};

const unsigned int nr_rdma_messages = sizeof(rdma_messages) / sizeof(rdma_messages[0]);

int rdma_write_seeds(const char *dir)
{
	char path[512];
	unsigned int i;
	size_t len;
	u8 *data;
	FILE *f;

	if (mkdir(dir, 0777) && errno != EEXIST) {
		perror(dir);
		return 1;
	}
	for (i = 0; i < nr_rdma_messages; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, rdma_messages[i].name);
		f = fopen(path, "wb");
		if (!f) {
			perror(path);
			return 1;
		}
		data = wire(rdma_messages[i].wire, &len);
		fwrite(data, 1, len, f);
		free(data);
		if (fclose(f))
			return 1;
	}
	return 0;
}

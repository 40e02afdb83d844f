// SPDX-License-Identifier: GPL-2.0
/*
 * libcuda.so.1: plays CUDA's driver library for an unmodified libcufile.
 *
 * One device; its memory is what nvidia.c gives out, mapped, so that the
 * processor can copy from and to it.  Streams and events happen at once; kernels
 * cannot be run.  The functions are those that libcufile looks up, with the
 * signatures of CUDA's public reference.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { OK, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, NOT_SUPPORTED = 801 };
#define BLOCK 65536UL
#define MAX 256

typedef unsigned long long ptr_t;

static int one;			/* what all handles point to */
#define HANDLE ((void *)&one)

struct piece {
	char *start;
	size_t size;
	unsigned long long id;
};

/* Guards pieces. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct piece pieces[MAX];
static int gpu = -1;
static unsigned int domain, bus, slot;

/* ---- the device ---- */

static int find_gpu(void)
{
	char path[300], vendor[16];
	struct dirent *e;
	int found = 0;
	DIR *d = opendir("/sys/bus/pci/devices");
	FILE *f;

	while (d && !found && (e = readdir(d))) {
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vendor", e->d_name);
		f = fopen(path, "r");
		if (f && fgets(vendor, sizeof(vendor), f) && !strncmp(vendor, "0x10de", 6))
			found = sscanf(e->d_name, "%x:%x:%x", &domain, &bus, &slot) == 3;
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return found;
}

int cuInit(unsigned int flags)
{
	if (gpu >= 0)
		return OK;
	gpu = open("/dev/fakegpu", O_RDWR | O_CLOEXEC);
	return gpu >= 0 && find_gpu() ? OK : NO_DEVICE;
}

int cuDriverGetVersion(int *version)
{
	*version = 12040;
	return OK;
}

int cuGetErrorName(int error, const char **name)
{
	*name = error ? "CUDA_ERROR" : "CUDA_SUCCESS";
	return OK;
}

int cuDeviceGetCount(int *count)
{
	*count = gpu >= 0;
	return OK;
}

int cuDeviceGet(int *device, int ordinal)
{
	*device = 0;
	return ordinal ? INVALID_VALUE : OK;
}

int cuDeviceGetName(char *name, int len, int device)
{
	snprintf(name, len, "test double");
	return OK;
}

int cuDeviceGetUuid_v2(void *uuid, int device)
{
	memset(uuid, 0x17, 16);
	return OK;
}

int cuDeviceGetAttribute(int *value, int what, int device)
{
	switch (what) {
	case 33: *value = bus; break;
	case 34: *value = slot; break;
	case 50: *value = domain; break;
	case 75: *value = 8; break;	/* compute capability */
	case 76: *value = 0; break;
	case 16: *value = 1; break;	/* multiprocessors */
	case 41:			/* unified addressing */
	case 116:			/* GPUDirect RDMA */
	case 117:			/* its writes can be flushed by the host */
		*value = 1;
		break;
	case 118: *value = 200; break;	/* its writes are in order for all devices */
	default: *value = 0;
	}
	return OK;
}

int cuDeviceCanAccessPeer(int *can, int a, int b)
{
	*can = 0;
	return OK;
}

/* ---- contexts, streams and events: there is one of each ---- */

static int give(void **handle)
{
	*handle = HANDLE;
	return OK;
}

int cuCtxCreate_v2(void **ctx, unsigned int flags, int device) { return give(ctx); }
int cuCtxGetCurrent(void **ctx) { return give(ctx); }
int cuCtxPopCurrent_v2(void **ctx) { return ctx ? give(ctx) : OK; }
int cuDevicePrimaryCtxRetain(void **ctx, int device) { return give(ctx); }
int cuStreamCreate(void **stream, unsigned int flags) { return give(stream); }
int cuStreamCreateWithPriority(void **stream, unsigned int flags, int prio) { return give(stream); }
int cuEventCreate(void **event, unsigned int flags) { return give(event); }

#define NOTHING(name) int name(void) { return OK; }
NOTHING(cuCtxDestroy_v2)
NOTHING(cuCtxEnablePeerAccess)
NOTHING(cuCtxPushCurrent_v2)
NOTHING(cuCtxSetCurrent)
NOTHING(cuDevicePrimaryCtxRelease)
NOTHING(cuDevicePrimaryCtxRelease_v2)
NOTHING(cuEventDestroy_v2)
NOTHING(cuEventQuery)
NOTHING(cuEventRecord)
NOTHING(cuEventSynchronize)
NOTHING(cuMemHostRegister_v2)
NOTHING(cuMemHostUnregister)
NOTHING(cuPointerSetAttribute)
NOTHING(cuStreamDestroy_v2)
NOTHING(cuStreamSynchronize)
NOTHING(cuStreamWaitEvent)

#define CANNOT(name) int name(void) { return NOT_SUPPORTED; }
CANNOT(cuIpcCloseMemHandle)
CANNOT(cuIpcGetEventHandle)
CANNOT(cuIpcGetMemHandle)
CANNOT(cuIpcOpenEventHandle)
CANNOT(cuIpcOpenMemHandle)
CANNOT(cuIpcOpenMemHandle_v2)
CANNOT(cuMemAllocManaged)
CANNOT(cuMemGetHandleForAddressRange)
CANNOT(cuModuleGetFunction)
CANNOT(cuModuleLoadData)
CANNOT(cuLaunchKernel)

int cuCtxGetDevice(int *device)
{
	*device = 0;
	return OK;
}

int cuCtxGetStreamPriorityRange(int *least, int *greatest)
{
	*least = *greatest = 0;
	return OK;
}

int cuEventElapsedTime(float *ms, void *a, void *b)
{
	*ms = 0;
	return OK;
}

int cuLaunchHostFunc(void *stream, void (*function)(void *data), void *data)
{
	function(data);
	return OK;
}

int cuStreamWaitValue32(void *stream, ptr_t at, unsigned int value, unsigned int flags)
{
	while ((int)(__atomic_load_n((unsigned int *)at, __ATOMIC_ACQUIRE) - value) < 0)
		usleep(100);
	return OK;
}

int cuStreamWriteValue32(void *stream, ptr_t at, unsigned int value, unsigned int flags)
{
	__atomic_store_n((unsigned int *)at, value, __ATOMIC_RELEASE);
	return OK;
}

int cuStreamWaitValue32_v2(void *stream, ptr_t at, unsigned int value, unsigned int flags)
{
	return cuStreamWaitValue32(stream, at, value, flags);
}

int cuStreamWriteValue32_v2(void *stream, ptr_t at, unsigned int value, unsigned int flags)
{
	return cuStreamWriteValue32(stream, at, value, flags);
}

/* ---- memory ---- */

/* The piece that @at is in; call with the lock held. */
static struct piece *piece_of(ptr_t at)
{
	int i;

	for (i = 0; i < MAX; i++)
		if (pieces[i].start && at >= (ptr_t)pieces[i].start &&
		    at < (ptr_t)pieces[i].start + pieces[i].size)
			return &pieces[i];
	return NULL;
}

int cuMemAlloc_v2(ptr_t *at, size_t size)
{
	static unsigned long long last_id;
	size_t whole = (size + BLOCK - 1) & -BLOCK;
	char *room, *p = MAP_FAILED;
	int i, rc = OUT_OF_MEMORY;

	pthread_mutex_lock(&lock);
	for (i = 0; i < MAX && pieces[i].start; i++)
		;
	room = mmap(NULL, whole + BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (i < MAX && room != MAP_FAILED)
		p = mmap((void *)(((ptr_t)room + BLOCK - 1) & -BLOCK), whole, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, gpu, 0);
	if (p != MAP_FAILED) {
		pieces[i] = (struct piece){ p, whole, ++last_id };
		*at = (ptr_t)p;
		rc = OK;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

int cuMemFree_v2(ptr_t at)
{
	struct piece *p, it = { 0 };

	pthread_mutex_lock(&lock);
	p = piece_of(at);
	if (p) {
		it = *p;
		p->start = NULL;
	}
	pthread_mutex_unlock(&lock);
	return it.start && !munmap(it.start, it.size) ? OK : INVALID_VALUE;
}

int cuMemGetAddressRange_v2(ptr_t *start, size_t *size, ptr_t at)
{
	struct piece *p;

	pthread_mutex_lock(&lock);
	p = piece_of(at);
	if (p && start)
		*start = (ptr_t)p->start;
	if (p && size)
		*size = p->size;
	pthread_mutex_unlock(&lock);
	return p ? OK : INVALID_VALUE;
}

/* The attributes that have been asked for so far. */
int cuPointerGetAttribute(void *value, int what, ptr_t at)
{
	struct piece *p, it = { 0 };

	pthread_mutex_lock(&lock);
	p = piece_of(at);
	if (p)
		it = *p;
	pthread_mutex_unlock(&lock);
	if (!p)
		return INVALID_VALUE;
	switch (what) {
	case 1: *(void **)value = HANDLE; break;		/* context */
	case 2: *(unsigned int *)value = 2; break;		/* memory of a device */
	case 3: *(ptr_t *)value = at; break;
	case 6: *(unsigned int *)value = 1; break;
	case 7: *(unsigned long long *)value = it.id; break;
	case 8: *(unsigned int *)value = 0; break;		/* managed */
	case 9: *(int *)value = 0; break;			/* ordinal of the device */
	case 11: *(ptr_t *)value = (ptr_t)it.start; break;
	case 12: *(size_t *)value = it.size; break;
	case 13: *(unsigned char *)value = 1; break;		/* mapped */
	case 15: *(unsigned char *)value = 1; break;		/* GPUDirect RDMA */
	default: return NOT_SUPPORTED;
	}
	return OK;
}

int cuPointerGetAttributes(unsigned int count, int *what, void **values, ptr_t at)
{
	unsigned int i;
	int rc = OK;

	for (i = 0; i < count && !rc; i++)
		rc = cuPointerGetAttribute(values[i], what[i], at);
	return rc;
}

int cuMemHostAlloc(void **at, size_t size, unsigned int flags)
{
	return posix_memalign(at, 4096, (size + 4095) & -4096UL) ? OUT_OF_MEMORY : OK;
}

int cuMemAllocHost_v2(void **at, size_t size)
{
	return cuMemHostAlloc(at, size, 0);
}

int cuMemFreeHost(void *at)
{
	free(at);
	return OK;
}

int cuMemHostGetDevicePointer_v2(ptr_t *at, void *host, unsigned int flags)
{
	*at = (ptr_t)host;
	return OK;
}

int cuMemcpy(ptr_t to, ptr_t from, size_t size)
{
	memmove((void *)to, (void *)from, size);
	return OK;
}

int cuMemcpyAsync(ptr_t to, ptr_t from, size_t size, void *stream) { return cuMemcpy(to, from, size); }
int cuMemcpyDtoH_v2(void *to, ptr_t from, size_t size) { return cuMemcpy((ptr_t)to, from, size); }
int cuMemcpyHtoD_v2(ptr_t to, const void *from, size_t size) { return cuMemcpy(to, (ptr_t)from, size); }

int cuMemcpyDtoHAsync_v2(void *to, ptr_t from, size_t size, void *stream)
{
	return cuMemcpy((ptr_t)to, from, size);
}

int cuMemcpyHtoDAsync_v2(ptr_t to, const void *from, size_t size, void *stream)
{
	return cuMemcpy(to, (ptr_t)from, size);
}

int cuMemcpyPeer(ptr_t to, void *to_ctx, ptr_t from, void *from_ctx, size_t size)
{
	return cuMemcpy(to, from, size);
}

int cuMemcpyPeerAsync(ptr_t to, void *to_ctx, ptr_t from, void *from_ctx, size_t size, void *stream)
{
	return cuMemcpy(to, from, size);
}

int cuMemsetD8_v2(ptr_t at, unsigned char value, size_t count)
{
	memset((void *)at, value, count);
	return OK;
}

int cuMemsetD8Async(ptr_t at, unsigned char value, size_t count, void *stream)
{
	return cuMemsetD8_v2(at, value, count);
}

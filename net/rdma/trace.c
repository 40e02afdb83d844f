// SPDX-License-Identifier: GPL-2.0
#include "rdma.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

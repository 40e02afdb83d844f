/* SPDX-License-Identifier: GPL-2.0 */
/* Fault points, see fault.c.  Nothing of this is there without make FAULTS=1. */
#ifndef PENSTOCK_NFS4_FAULT_H
#define PENSTOCK_NFS4_FAULT_H

#include <linux/types.h>

struct pn4_call;

#ifdef PENSTOCK_FAULTS
void pn4_fault_init(void);
void pn4_fault_exit(void);
/*
 * @c is about to be sent.  False: send it.  True: it is taken care of, now or
 * later by pn4_call_end() or prpc_submit().  Process context.
 */
bool pn4_fault_submit(struct pn4_call *c);
/* @c has been answered.  True: pn4_call_end() follows later.  Any context. */
bool pn4_fault_answered(struct pn4_call *c);
#else
static inline void pn4_fault_init(void) { }
static inline void pn4_fault_exit(void) { }
static inline bool pn4_fault_submit(struct pn4_call *c) { return false; }
static inline bool pn4_fault_answered(struct pn4_call *c) { return false; }
#endif

#endif

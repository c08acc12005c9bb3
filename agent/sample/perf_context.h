/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_PERF_CONTEXT_H
#define SAMPLE_PERF_CONTEXT_H

/*
 * Where a tick has met a thread: the registers of its own code, and what the kernel was doing for it. In a system call the
 * registers are those at its entry, the callee-saved ones included: measured on x86-64, Linux 6.18.
 */

#include "elfsym/elfsym.h"

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Functions of the kernel that a tick has at most. The kernel's own bound, perf_event_max_stack, is 127. */
#define PERF_KERNEL_MAX 64

struct perf_context {
        struct elfsym_registers registers;
        bool has_registers; /* false: a thread of the kernel's own, or of 32 bits */
        uint32_t n_kernel;
        uint64_t kernel[PERF_KERNEL_MAX]; /* addresses in the kernel, innermost first */
};

/* Makes the kernel add to each record of @attr what perf_context_read() reads. */
void perf_context_ask(struct perf_event_attr *attr);

/*
 * Reads the part of a record that perf_context_ask() has asked for: @size bytes. False: it is none.
 * perf_event_open(2): u64 nr; u64 ips[nr]; u64 abi; u64 regs[number of bits in sample_regs_user].
 */
bool perf_context_read(const void *bytes, size_t size, struct perf_context *ret);

#endif

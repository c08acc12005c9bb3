/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIND_CLAIMS_H
#define FIND_CLAIMS_H

/* What a process says of itself, as it said it first. */

#include "agent/find/internal.h"

/*
 * Reads what process->pid says, into its cmdline, program, service ("": it names none) and resource. Its exe is set.
 * Whether everything could be read.
 */
bool find_claims_read(struct find_process *process);

/* Sets the same fields to what the process of @stat, or the parent that it is a copy of, has said first, if it is kept. */
bool find_claims_get(const struct find *find, const struct nsutil_stat *stat, struct find_process *process);

/* Keeps these fields if the process is known. @stat: its program was the same before and after they were read. */
void find_claims_keep(const struct find *find, const struct nsutil_stat *stat, const struct find_process *process);

/* Call this when the process has executed another program, or is forgotten. */
void find_claims_forget(struct find_entry *entry);

#endif

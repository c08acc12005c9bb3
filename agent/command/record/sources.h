/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_SOURCES_H
#define RECORD_SOURCES_H

/*
 * record --source: the text of the source files that the profiles name, read at the end of the recording.
 *
 * A file is read below the root of its process, as podflame reads all files of processes: see symbol_file_open(). The
 * names are the target's, and podflame may read more than the target. So the file must be one that the process's user
 * owns or that everybody may read, unless that user is root. A process that has ended had to have podflame's own root
 * when it was met, and then only files that everybody may read are read. Every file that is left out is counted, and
 * its reason kept.
 */

#include "agent/find/find.h"
#include "agent/profile/profile.h"

struct sources;

/* NULL: out of memory. */
struct sources *sources_new(void);
void sources_free(struct sources *sources); /* accepts NULL */

/*
 * These are for struct follow_watcher. A process is about to be sampled; a profile of it is finished, and will live until
 * sources_give(). Nothing is read yet: other processes are still being sampled.
 */
void sources_meet(void *sources, const struct find_process *process);
void sources_note(void *sources, const struct find_process *process, struct profile *profile);

/* Reads the files of one profile. sources_give() does it for all that were noted. */
void sources_gather(struct sources *sources, pid_t pid, uint64_t start_time, struct profile *profile);

/* Reads what is noted, gives the texts to @set, and prints how many files were read, how many were not, and why. */
void sources_give(struct sources *sources, struct profile_set *set, bool quiet);

#endif

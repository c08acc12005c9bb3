/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_DESCRIBE_H
#define PROCESSES_DESCRIBE_H

/* Attributes, with OpenTelemetry's names, that say whose profile it is. */

#include "agent/find/find.h"
#include "agent/profile/profile.h"

/* Whether podflame itself sets attribute @key, and nothing else may set it. */
bool describe_is_own(const char *key);

/* Describes the profile of a process. 0 or -ENOMEM. */
int describe_process(struct profile *profile, const struct find_process *process);

/* Describes a profile of several processes of @process's container or service, by what they share. 0 or -ENOMEM. */
int describe_group(struct profile *profile, const struct find_process *process);

#endif

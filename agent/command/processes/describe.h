/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESSES_DESCRIBE_H
#define PROCESSES_DESCRIBE_H

/* What a profile is of, as attributes with OpenTelemetry's names. */

#include "agent/find/find.h"
#include "agent/profile/profile.h"

/* Whether attribute @key is said by podflame itself, and not to be said by anybody else. */
bool describe_is_own(const char *key);

/* A process's profile. 0 or -ENOMEM. */
int describe_process(struct profile *profile, const struct find_process *process);

/* A profile of several processes of @process's container or service: what they share. */
int describe_group(struct profile *profile, const struct find_process *process);

#endif

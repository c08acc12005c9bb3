/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_ENVIRONMENT_H
#define RECORD_ENVIRONMENT_H

/*
 * On what a recording was made, as attributes of its profiles: what has to be
 * equal if two of them are to be compared, and which commit each is of.
 */

#include "agent/profile/profile.h"
#include "revision.h"

struct environment {
        char arch[65];                /* "amd64", "arm64": OpenTelemetry's names; others as uname(2) has them */
        char kernel[65];              /* its release */
        char cpu[128];                /* model name; "": the kernel does not tell it */
        char revision[REVISION_SIZE]; /* of the working directory; "": that is in no git repository */
};

void environment_read(struct environment *ret);

/* Parses the text of /proc/cpuinfo. @ret is "" if that names no model. */
void environment_parse_cpuinfo(const char *text, char *ret, size_t size);

/*
 * Sets host.arch, os.version (the kernel's release), host.cpu.model.name and
 * vcs.ref.head.revision; podflame.run, which of a recording's runs it is of, from 0,
 * and podflame.rate, the samples a second that were asked for. Mode, engine and
 * counters are the profile's own. 0 or negative errno.
 */
int environment_describe(const struct environment *environment, unsigned run, unsigned rate, struct profile *profile);

#endif

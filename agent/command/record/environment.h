/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RECORD_ENVIRONMENT_H
#define RECORD_ENVIRONMENT_H

/*
 * The environment of a recording, as attributes of its profiles: what has to be equal if two recordings are compared,
 * and which commit each was made of.
 */

#include "agent/profile/profile.h"
#include "revision.h"

struct environment {
        /* "amd64", "arm64": OpenTelemetry's names; others are named as uname(2) names them */
        char arch[65];
        char kernel[65];              /* the kernel's release */
        char cpu[128];                /* model name; "": the kernel does not tell it */
        char revision[REVISION_SIZE]; /* the commit of the working directory; "": it is in no git repository */
};

void environment_read(struct environment *ret);

/* Parses the text of /proc/cpuinfo. @ret is "" if the text names no model. */
void environment_parse_cpuinfo(const char *text, char *ret, size_t size);

/*
 * Sets host.arch, os.version (the kernel's release), host.cpu.model.name and vcs.ref.head.revision. Sets podflame.run,
 * the number of the recording's run, from 0, and podflame.rate, the samples per second that were asked for. Mode,
 * engine and counters are in the profile itself. 0 or negative errno.
 */
int environment_describe(const struct environment *environment, unsigned run, unsigned rate, struct profile *profile);

#endif

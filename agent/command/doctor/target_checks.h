/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DOCTOR_TARGET_CHECKS_H
#define DOCTOR_TARGET_CHECKS_H

/* What a target is, whether it can be profiled, and how it would be. */

#include "agent/command/processes/target.h"

struct doctor_patient {
        struct find_process process;
        bool profilable;
        size_t threads;    /* number of threads that run Python */
        char engine[320];  /* the engine that record would use, and why better ones were refused */
        char reason[1024]; /* why it cannot be profiled */
};

struct doctor_patients {
        struct doctor_patient *items;
        size_t n;
        size_t passed_over; /* number of processes of the container or pod that are not Python */
};

/*
 * Examines all processes that @target names. GO_ON, or an exit status after a message if they cannot be found.
 * doctor_patients_deinit() accepts {0}.
 */
int doctor_examine_targets(struct find *find, const struct target_options *target, const struct usage *usage,
                           struct doctor_patients *ret);
void doctor_patients_deinit(struct doctor_patients *patients);

#endif

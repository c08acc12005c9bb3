/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DOCTOR_TARGET_CHECKS_H
#define DOCTOR_TARGET_CHECKS_H

/* What a target is, whether it can be profiled, and how it would be. */

#include "agent/command/processes/target.h"

struct doctor_patient {
        struct find_process process;
        bool profilable;
        size_t threads;    /* that run Python */
        char engine[320];  /* what record would use, and why nothing better */
        char reason[1024]; /* why it is not profilable */
};

struct doctor_patients {
        struct doctor_patient *items;
        size_t n;
        size_t passed_over; /* processes of the container or pod that are no Python */
};

/*
 * Examines all that @target names: GO_ON, or an exit status, when it cannot even be found and a message says so.
 * doctor_patients_deinit() accepts {0}.
 */
int doctor_examine_targets(struct find *find, const struct target_options *target, const struct usage *usage,
                           struct doctor_patients *ret);
void doctor_patients_deinit(struct doctor_patients *patients);

#endif

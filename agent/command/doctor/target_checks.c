/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of a target. It is opened as record opens it, added to a sampler as record would add it, and released
 * again.
 */
#include "target_checks.h"

#include "agent/command/cli/explanations.h"
#include "agent/command/cli/messages.h"
#include "agent/command/command.h"
#include "agent/sample/sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE 99

static void try_engine(struct doctor_patient *patient, struct pystack *py)
{
        const struct sample_config config = { .rate = RATE, .scope = SAMPLE_SCOPE_BEST };
        struct sample_target target;
        struct sampler *sampler = NULL;
        int r = sampler_open(&config, &sampler, patient->reason, sizeof patient->reason);

        if (r == 0 && (r = sampler_add(sampler, patient->process.pid, py, &target)) != 0)
                snprintf(patient->reason, sizeof patient->reason, "sampling cannot start: %s",
                         r < 0 ? strerror(-r) : nsutil_strerror(r));
        if (r == 0) {
                const char *refused = sampler_refused(sampler);
                snprintf(patient->engine, sizeof patient->engine, "%s%s%s%s", sampler_describe(sampler),
                         *refused ? " (" : "", refused, *refused ? ")" : "");
        } else {
                pystack_close(py);
        }
        sampler_close(sampler);
        patient->profilable = r == 0;
}

/* Examines a process. Returns pystack_open()'s error. */
static int examine_process(struct find *find, pid_t pid, uint32_t abi, struct doctor_patient *patient)
{
        struct pystack *py = NULL;
        size_t named;

        *patient = (struct doctor_patient){ .process = { .pid = pid } };
        int r = find_identify(find, pid, &patient->process) == 0 ? target_open(pid, abi, &py, &patient->process.info)
                                                                 : PYSTACK_E_GONE;
        if (r == 0 && (r = target_count_threads(pid, &py, &patient->threads, &named)) != 0)
                pystack_close(py);
        if (r == 0)
                try_engine(patient, py);
        else
                explain_not_profilable(pid, r, &patient->process.info, patient->reason, sizeof patient->reason);
        return r;
}

struct examination {
        struct find *find;
        uint32_t abi;
        struct doctor_patients *patients;
};

static int add_patient(struct examination *e, pid_t pid, bool of_group)
{
        struct doctor_patients *patients = e->patients;
        struct doctor_patient *items = realloc(patients->items, (patients->n + 1) * sizeof *items);

        if (!items)
                return say_error("out of memory");
        patients->items = items;
        int r = examine_process(e->find, pid, e->abi, &items[patients->n]);
        if (of_group && (r == PYSTACK_E_NOT_PYTHON || r == PYSTACK_E_GONE))
                patients->passed_over++;
        else
                patients->n++;
        return GO_ON;
}

static int examine_group(void *ctx, const pid_t *pids, size_t n)
{
        int status = GO_ON;

        for (size_t i = 0; status == GO_ON && i < n; i++)
                status = add_patient(ctx, pids[i], true);
        return status;
}

int doctor_examine_targets(struct find *find, const struct target_options *target, const struct usage *usage,
                           struct doctor_patients *ret)
{
        struct examination examination = { .find = find, .patients = ret };
        int status = target_abi(target, usage, &examination.abi);

        if (status == GO_ON)
                status = target_find_groups(find, target, examine_group, &examination);
        for (size_t i = 0; status == GO_ON && i < target->pids.n; i++)
                status = add_patient(&examination, target_process(target->pids.pids[i]), false);
        return status;
}

void doctor_patients_deinit(struct doctor_patients *patients)
{
        free(patients->items);
        *patients = (struct doctor_patients){ 0 };
}

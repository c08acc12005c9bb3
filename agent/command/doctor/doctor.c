/* SPDX-License-Identifier: Apache-2.0 */
/* podflame doctor: says what this machine and a target allow, what is missing, what that costs, and how to grant it. */
#include "agent/command/cli/confinement.h"
#include "agent/command/cli/explanations.h"
#include "agent/command/cli/json.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/options.h"
#include "agent/command/command.h"
#include "agent/command/commands.h"
#include "agent/command/processes/open_find.h"
#include "agent/command/processes/refusals.h"
#include "agent/command/processes/target.h"

#include "checks.h"
#include "target_checks.h"

#include <stdio.h>
#include <string.h>

struct doctor_config {
        struct target_options target;
        const char *collector;
        const char *protocol;
        const char *token_file;
        struct confinement_options confinement;
        bool json, verbose;
};

static const struct option_spec specs[] = {
        TARGET_OPTIONS(struct doctor_config, target),
        { .name = "collector",
          .kind = OPTION_TEXT,
          .field = offsetof(struct doctor_config, collector),
          .argument = "URL",
          .help = "also test whether this collector takes profiles" },
        { .name = "protocol",
          .kind = OPTION_TEXT,
          .field = offsetof(struct doctor_config, protocol),
          .argument = "PROTOCOL",
          .help = "the protocol of this collector: otlp, pyroscope, parca (otlp)" },
        { .name = "token-file",
          .kind = OPTION_TEXT,
          .field = offsetof(struct doctor_config, token_file),
          .argument = "FILE",
          .help = "a bearer token for the collector is in this file" },
        { .name = "json",
          .letter = 'j',
          .kind = OPTION_FLAG,
          .field = offsetof(struct doctor_config, json),
          .help = "as JSON" },
        REFUSALS_OPTION(struct doctor_config, verbose),
        CONFINEMENT_OPTIONS(struct doctor_config, confinement),
};

static const struct usage usage = {
        .command = "doctor",
        .synopsis = "[-p PID | -c CONTAINER | --pod POD] [OPTION]...",
        .text = "Tries out what this machine, and a process, container or pod of it, allow; says what is missing,\n"
                "what is lost without it, and how to grant it. Fails if nothing can be profiled, or if a collector\n"
                "that was named does not take profiles.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

static const char *const marks[] = {
        [DOCTOR_FINE] = "ok", [DOCTOR_LESS] = "less", [DOCTOR_BLOCKED] = "no", [DOCTOR_FAILED] = "no"
};

struct finding {
        enum doctor_verdict verdict;
        char state[DOCTOR_STATE_SIZE];
        char grant[512];
};

static void run_check(const struct doctor_check *check, const struct doctor_host *host, struct finding *ret)
{
        *ret = (struct finding){ 0 };
        ret->verdict = check->check(host, ret->state);
        doctor_grant(check, host, ret->grant, sizeof ret->grant);
}

/* The column of the text behind a name. */
#define INDENT 26

/* ---- text --------------------------------------------------------------------------- */

static void print_check(const struct doctor_check *check, const struct finding *finding)
{
        printf("%-5s %-20s %s\n", marks[finding->verdict], check->name, finding->state);
        if (finding->verdict != DOCTOR_FINE)
                printf("%*s for: %s\n%*s without it: %s\n%*s to grant it: %s\n", INDENT, "", check->purpose, INDENT, "",
                       check->without, INDENT, "", finding->grant);
}

static void print_patient(const struct doctor_patient *patient)
{
        const struct find_process *p = &patient->process;
        char version[32], name[32];

        format_version(p->info.version, version, sizeof version);
        snprintf(name, sizeof name, "process %d", p->pid);
        printf("\n%-5s %-20s %s\n", patient->profilable ? "ok" : "no", name, p->cmdline);
        if (*p->info.file)
                printf("%*s Python %s, %s\n", INDENT, "", version, p->info.file);
        if (*p->container_id)
                printf("%*s container %.12s%s%s%s%s\n", INDENT, "", p->container_id, *p->container_name ? " " : "",
                       p->container_name, *p->image ? " of " : "", p->image);
        if (patient->profilable)
                printf("%*s %zu thread%s; %s\n", INDENT, "", patient->threads, patient->threads == 1 ? "" : "s",
                       patient->engine);
        else
                printf("%*s not profilable: %s\n", INDENT, "", patient->reason);
}

/* ---- JSON --------------------------------------------------------------------------- */

static struct json_object *json_of_check(const struct doctor_check *check, const struct finding *finding)
{
        struct json_object *json = json_map();

        json_put_text(json, "name", check->name);
        json_put_text(json, "verdict", marks[finding->verdict]);
        json_put_text(json, "state", finding->state);
        json_put_text(json, "for", check->purpose);
        json_put_text(json, "without", check->without);
        json_put_text(json, "grant", finding->grant);
        return json;
}

static struct json_object *json_of_patient(const struct doctor_patient *patient)
{
        struct json_object *json = json_of_process(&patient->process);

        json_put_flag(json, "profilable", patient->profilable);
        json_put_text(json, "engine", patient->engine);
        json_put_text(json, "reason", patient->reason);
        return json;
}

/* ---- the report ------------------------------------------------------------------------ */

struct outcome {
        bool possible; /* profiling is possible */
        bool arrives;  /* profiles arrive at the collector, if one was named */
};

/* Reports all checks. @json is NULL for text. */
static struct outcome report_host(const struct doctor_host *host, struct json_object *json)
{
        struct outcome outcome = { true, true };

        for (size_t i = 0; i < doctor_checks_n; i++) {
                struct finding finding;
                run_check(&doctor_checks[i], host, &finding);
                outcome.possible = outcome.possible && finding.verdict != DOCTOR_BLOCKED;
                outcome.arrives = outcome.arrives && finding.verdict != DOCTOR_FAILED;
                if (finding.verdict == DOCTOR_UNASKED)
                        continue;
                if (json)
                        json_add(json, "checks", json_of_check(&doctor_checks[i], &finding));
                else
                        print_check(&doctor_checks[i], &finding);
        }
        return outcome;
}

static bool report_patients(const struct doctor_patients *patients, struct json_object *json)
{
        bool profilable = patients->n > 0;

        for (size_t i = 0; i < patients->n; i++) {
                profilable = profilable && patients->items[i].profilable;
                if (json)
                        json_add(json, "targets", json_of_patient(&patients->items[i]));
                else
                        print_patient(&patients->items[i]);
        }
        if (patients->n == 0 && !json)
                printf("\nno    %zu process%s of it, none is a CPython process\n", patients->passed_over,
                       patients->passed_over == 1 ? "" : "es");
        return profilable;
}

static int report_findings(const struct doctor_host *host, const struct doctor_patients *patients, bool as_json)
{
        struct json_object *json = as_json ? json_map() : NULL;
        struct outcome outcome = report_host(host, json);

        if (patients)
                outcome.possible = report_patients(patients, json) && outcome.possible;
        if (json) {
                json_put_flag(json, "possible", outcome.possible);
                json_print(json);
        } else {
                printf("\n%s%s\n", outcome.possible ? "Profiling is possible" : "Profiling is not possible",
                       !outcome.possible ? ": see what says \"no\"."
                       : outcome.arrives ? "."
                                         : ", but the collector does not take profiles: see what says \"no\".");
        }
        return outcome.possible && outcome.arrives ? EXIT_OK : EXIT_FAILED;
}

static int examine_host_and_targets(const struct doctor_config *config, struct doctor_host *host)
{
        struct doctor_patients patients = { 0 };
        bool targeted = target_is_named(&config->target);
        int status = GO_ON;

        host->collector = config->collector;
        host->protocol = config->protocol;
        host->token_file = config->token_file;
        if (doctor_examine_host(host) < 0)
                return say_error("/proc cannot be read");
        if (targeted)
                status = doctor_examine_targets(host->find, &config->target, &usage, &patients);
        if (status == GO_ON)
                status = report_findings(host, targeted ? &patients : NULL, config->json);
        doctor_patients_deinit(&patients);
        return status;
}

int doctor_run(int argc, char **argv)
{
        struct doctor_config config = { 0 };
        struct doctor_host host = { .find = NULL };
        int rest;
        int status = options_parse(&usage, argc, argv, &config, &rest);

        if (status == GO_ON && rest < argc)
                status = options_wrong_word(&usage, argv[rest], NULL);
        if (status == GO_ON) {
                host.own = doctor_try_child();
                status = confine(&config.confinement, &usage, CONFINE_VIEWER);
        }
        if (config.verbose)
                refusals_keep();
        if (status == GO_ON && finding_open(false, &host.find) != 0)
                status = say_error("/proc cannot be read");
        if (status == GO_ON)
                status = examine_host_and_targets(&config, &host);
        find_close(host.find);
        refusals_say(0);
        refusals_end();
        return status;
}

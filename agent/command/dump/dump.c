/* SPDX-License-Identifier: Apache-2.0 */
/* podflame dump: prints the stack of every Python thread once, as text or JSON. */
#include "agent/command/cli/confinement.h"
#include "agent/command/cli/explanations.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/options.h"
#include "agent/command/command.h"
#include "agent/command/commands.h"
#include "agent/command/processes/open_find.h"
#include "agent/command/processes/refusals.h"
#include "agent/command/processes/target.h"
#include "agent/symbol/symbol.h"
#include "subject.h"
#include "tasks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct dump_config {
        struct target_options target;
        struct confinement_options confinement;
        bool subprocesses, all, json, native, tasks, verbose;
};

static const struct option_spec specs[] = {
        TARGET_OPTIONS(struct dump_config, target),
        { .name = "subprocesses",
          .letter = 's',
          .kind = OPTION_FLAG,
          .field = offsetof(struct dump_config, subprocesses),
          .help = "their descendants as well" },
        { .name = "all",
          .letter = 'a',
          .kind = OPTION_FLAG,
          .field = offsetof(struct dump_config, all),
          .help = "each thread by itself, also if its stack and its reason are those of others" },
        { .name = "json",
          .letter = 'j',
          .kind = OPTION_FLAG,
          .field = offsetof(struct dump_config, json),
          .help = "as JSON" },
        { .name = "native",
          .kind = OPTION_FLAG,
          .field = offsetof(struct dump_config, native),
          .help = "of threads that wait: the functions of C code, too; with --confine off also the kernel's" },
        { .name = "tasks",
          .kind = OPTION_FLAG,
          .field = offsetof(struct dump_config, tasks),
          .help = "also all tasks of asyncio, below each those that it awaits; and greenlets" },
        REFUSALS_OPTION(struct dump_config, verbose),
        CONFINEMENT_OPTIONS(struct dump_config, confinement),
};

static const struct usage usage = {
        .command = "dump",
        .synopsis = "(-p PID | -c CONTAINER | --pod POD) [OPTION]...",
        .text = "Prints every Python thread's stack, innermost frame first, and why the thread does not run.\n"
                "\"waits: lock\" is any wait for a word of memory outside of the GIL.\n"
                "A thread that \"waits for work\" has nothing to do.\n"
                "A reason that is not certain is \"unknown\".",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

/* What the tables of symbols take at most. */
#define SYMBOLS_BYTES ((size_t)64 << 20)

/* ---- processes ---------------------------------------------------------------------- */

static void run_dump(void *job)
{
        struct subject *s = job;

        s->error = dump_threads(s);
        if (s->error == 0 && s->tasks) { /* they say by themselves why there are none */
                dump_tasks(s);
                dump_greenlets(s);
        }
}

static void discard_subject(void *job)
{
        struct subject *s = job;

        pystack_close(s->py);
        symbols_free(s->symbols);
        if (s->out)
                fclose(s->out);
        if (s->stacks)
                fclose(s->stacks);
        free(s->text);
        free(s->stacks_text);
        free(s->views);
        free(s);
}

/* Makes a subject of @chosen, and takes over its interpreter. NULL: out of memory. */
static struct subject *new_subject(struct chosen *chosen, const struct nsutil_freezers *freezers,
                                   const struct dump_config *config, struct json_object *json)
{
        struct subject *s = calloc(1, sizeof *s);

        if (!s)
                return NULL;
        s->out = open_memstream(&s->text, &s->len);
        s->stacks = open_memstream(&s->stacks_text, &s->stacks_len);
        s->symbols = config->native ? symbols_new(SYMBOLS_BYTES) : NULL;
        if (!s->out || !s->stacks || (config->native && !s->symbols)) {
                discard_subject(s);
                return NULL;
        }
        s->pid = chosen->process.pid;
        s->process = chosen->process;
        s->py = chosen->py;
        s->freezers = *freezers;
        s->json = json;
        s->tasks = config->tasks;
        s->apart = config->all;
        chosen->py = NULL;
        return s;
}

/* Prints one process. If its memory does not answer, the thread that hangs owns *@json, and *@json is replaced. */
static int dump_process(struct chosen *chosen, const struct nsutil_freezers *freezers, const struct dump_config *config,
                        struct json_object **json, pid_t *ret_refused)
{
        static const struct nsutil_work work = { .run = run_dump, .discard = discard_subject };
        struct subject *s = new_subject(chosen, freezers, config, *json);
        int e = s ? 0 : -ENOMEM;

        if (s && nsutil_attempt(s->pid, &work, s) != 0) {
                *json = *json ? json_of_process(&chosen->process) : NULL;
                return say_not_profilable(chosen->process.pid, PYSTACK_E_HANGS, &chosen->process.info);
        }
        if (s) {
                e = fflush(s->out) == 0 ? s->error : -ENOMEM;
                fwrite(s->text, 1, e == 0 ? s->len : 0, stdout);
                if (s->call_is_refused)
                        *ret_refused = s->pid;
                discard_subject(s);
        }
        return e == 0 ? EXIT_OK : say_not_profilable(chosen->process.pid, e, &chosen->process.info);
}

static int dump_all(struct choice *choice, const struct dump_config *config)
{
        bool as_json = config->json;
        struct json_object *all = as_json ? json_list() : NULL;
        struct nsutil_freezers freezers = { 0 };
        pid_t refused = 0;
        int e = choice->refused > 0 ? EXIT_FAILED : EXIT_OK;

        nsutil_freezers_find(&freezers); /* a freezer that cannot be seen is not reported */
        for (size_t i = 0; i < choice->n; i++) {
                struct json_object *one = as_json ? json_of_process(&choice->items[i].process) : NULL;
                if (i > 0 && !as_json)
                        puts("");
                if (dump_process(&choice->items[i], &freezers, config, &one, &refused) != EXIT_OK)
                        e = EXIT_FAILED; /* the other processes are printed all the same */
                if (as_json)
                        json_append(all, one);
        }
        if (as_json)
                json_print(all);
        if (refused > 0)
                say_calls_refused(refused);
        return e;
}

/* GO_ON, or an exit status, after a message. */
static int choose_subjects(struct find *find, const struct dump_config *config, struct choice *choice)
{
        uint32_t abi;
        int status = target_choose(find, &config->target, &usage, config->subprocesses ? TARGET_FOLLOWED : TARGET_NOW,
                                   choice);

        if (status != GO_ON || !config->subprocesses)
                return status;
        status = target_abi(&config->target, &usage, &abi);
        return status == GO_ON ? target_add_descendants(find, abi, choice) : status;
}

int dump_run(int argc, char **argv)
{
        struct dump_config config = { 0 };
        struct choice choice = { 0 };
        struct find *find = NULL;
        int rest;
        int status = options_parse(&usage, argc, argv, &config, &rest);

        if (status == GO_ON && rest < argc)
                status = options_wrong_word(&usage, argv[rest], NULL);
        if (status == GO_ON)
                status = confine(&config.confinement, &usage, CONFINE_VIEWER);
        if (config.verbose)
                refusals_keep();
        if (status == GO_ON && finding_open(false, &find) != 0)
                status = say_error("/proc cannot be read");
        if (status == GO_ON)
                status = choose_subjects(find, &config, &choice);
        if (status == GO_ON)
                status = dump_all(&choice, &config);
        choice_deinit(&choice);
        find_close(find);
        refusals_say(0);
        refusals_end();
        return status;
}

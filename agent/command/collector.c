/* SPDX-License-Identifier: Apache-2.0 */
/* podflame collector: runs the built-in collector until a signal ends it. */
#include "agent/command/cli/confinement.h"
#include "agent/command/cli/log_options.h"
#include "agent/command/cli/messages.h"
#include "agent/command/cli/options.h"
#include "agent/command/cli/signals.h"
#include "command.h"
#include "commands.h"

#include "agent/collect/collect.h"

#include <malloc.h>
#include <string.h>
#include <unistd.h>

struct collector_config {
        const char *listen;
        const char *data;
        double retain; /* seconds */
        uint64_t max_size;
        const char *token_file;
        struct log_options log;
        struct confinement_options confinement;
};

static const struct option_spec specs[] = {
        { .name = "listen",
          .letter = 'l',
          .kind = OPTION_TEXT,
          .field = offsetof(struct collector_config, listen),
          .argument = "ADDR:PORT",
          .help = "where to serve (127.0.0.1:4318); port 0 picks a free one" },
        { .name = "data",
          .letter = 'd',
          .kind = OPTION_TEXT,
          .field = offsetof(struct collector_config, data),
          .argument = "DIR",
          .help = "where to keep profiles (in memory only)" },
        { .name = "retain",
          .kind = OPTION_SECONDS,
          .field = offsetof(struct collector_config, retain),
          .argument = "AGE",
          .help = "remove older samples: 12h, 7d (7d)",
          .min = 60,
          .max = 3650 * 86400.0 },
        { .name = "max-size",
          .kind = OPTION_BYTES,
          .field = offsetof(struct collector_config, max_size),
          .argument = "BYTES",
          .help = "remove the oldest samples when there are more than this: 500M, 2G (2G)",
          .min = 1 << 20,
          .max = 1e15 },
        { .name = "token-file",
          .kind = OPTION_TEXT,
          .field = offsetof(struct collector_config, token_file),
          .argument = "FILE",
          .help = "refuse requests without the bearer token in this file" },
        LOG_OPTIONS(struct collector_config, log),
        CONFINEMENT_OPTIONS(struct collector_config, confinement),
};

static const struct usage usage = {
        .command = "collector",
        .synopsis = "[OPTION]...",
        .text = "Takes profiles by OTLP/HTTP, keeps them, and serves a page that shows them.",
        .options = specs,
        .n = sizeof specs / sizeof *specs,
};

static void say_note(const char *sentence)
{
        say("%s", sentence);
}

static int run_collector(const struct collector_config *config)
{
        const struct collect_config collect_config = {
                .listen = config->listen,
                .data = config->data,
                .retain_s = (uint64_t)config->retain,
                .max_bytes = config->max_size,
                .token_file = config->token_file,
                .note = say_note,
        };
        struct collect *collect;
        char reason[512] = "";
        int signals = signals_open();

        /* Each further heap of glibc would keep memory that its threads have freed. */
        mallopt(M_ARENA_MAX, 1);
        int status = confine(&config->confinement, &usage, CONFINE_COLLECTOR);

        if (status != GO_ON)
                return status;
        int r = collect_open(&collect_config, &collect, reason, sizeof reason);

        if (r == COLLECT_E_ADDRESS)
                return options_wrong(&usage, "--listen: %s", reason);
        if (r == COLLECT_E_IN_USE)
                return say_error("the collector cannot start: %s; --listen takes another port", reason);
        if (r != 0)
                return say_error("the collector cannot start: %s", *reason ? reason : strerror(-r));
        const char *colon = strrchr(config->listen, ':');
        say("collector: http://%.*s:%u/", (int)(colon - config->listen), config->listen, collect_port(collect));
        if (collect_is_open(collect))
                say("anybody on the network can read these profiles and send more: --token-file FILE asks for a token, "
                    "--listen 127.0.0.1:%u serves this machine alone",
                    collect_port(collect));
        signals_wait(signals, -1);
        collect_close(collect);
        close(signals);
        return EXIT_OK;
}

int collector_run(int argc, char **argv)
{
        struct collector_config config = { .listen = "127.0.0.1:4318", .retain = 7 * 86400.0, .max_size = 2ull << 30 };
        int rest;
        int status = options_parse(&usage, argc, argv, &config, &rest);

        if (status != GO_ON)
                return status;
        if (rest < argc)
                return options_wrong_word(&usage, argv[rest], NULL);
        status = log_setup(&config.log, &usage);
        return status != GO_ON ? status : run_collector(&config);
}

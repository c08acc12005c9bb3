/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEALTH_H
#define HEALTH_H

/*
 * health: the agent's report about itself over HTTP, and its budget of the machine's resources.
 *
 *   GET /metrics   Prometheus' text format, version 0.0.4
 *   GET /healthz   200 as long as no part is stuck; otherwise 503 with the part that is
 *   GET /readyz    the same, and 503 until the first scan of the machine
 *
 * A window is the time that one profile of the agent covers.
 *
 * No label names a process: a node runs any number of those in its life, and a scraper must be able to keep all labels.
 * One family names containers, by names that runtimes have given: at most HEALTH_GIL_WAITS_MAX at a time, and only those
 * that ran in the last window.
 *
 * Errors: negative -errno, positive http_server_error.
 */

#include "agent/profile/profile.h"
#include "agent/send/send.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- usage of this process ---------------------------------------------- */

struct health_usage {
        double cpu_s;        /* user and system time of all threads, so far */
        double start_time_s; /* since the epoch */
        uint64_t rss_bytes;
        uint64_t fds, threads;
};

/* Reads the usage. Values that cannot be read are 0. */
void health_usage_read(struct health_usage *ret);
uint64_t health_resident_bytes(void); /* only the RSS, which is cheap to read */

/* ---- budget ---------------------------------------------------------------- */

/* The bounds on what podflame may use, and how far sampling is cut down to keep them. */
struct health_budget {
        double max_cpu;      /* as a part of one CPU: 0.01 is one per cent; 0: no bound */
        uint64_t max_memory; /* bytes of RSS; 0: no bound */
        unsigned max_rate;   /* the requested rate, per second; the sum of all modes' */
        unsigned rate;       /* the present rate, per second */
        double cpu;          /* usage in the last window, as a part of one CPU */
        /* caches were emptied after the last window; if memory still exceeds the bound, that was not enough */
        bool trimmed;
};

/*
 * The rate to begin with on @cpus CPUs. It surely keeps the bound: an agent that uses too much from the start might not
 * look at its budget for a long time.
 */
unsigned health_budget_begin(struct health_budget *budget, unsigned cpus);

/* What to do in the next window. */
struct health_advice {
        unsigned rate;
        bool trim;     /* free all memory that can be filled again */
        bool hopeless; /* a bound is exceeded even at the lowest rate */
};

/*
 * Looks at a window of @seconds in which @cpu_s of CPU time were used, with @rss_bytes in memory after it. The rate
 * falls at once as far as needed, and rises in steps if there is room.
 */
struct health_advice health_budget_look(struct health_budget *budget, double seconds, double cpu_s, uint64_t rss_bytes);

/* ---- facts ------------------------------------------------------------------ */

/* Processes of one kind. The strings are static. */
struct health_targets {
        const char *state, *reason;
        uint64_t n;
};

/* The most modes that are sampled beside each other. */
#define HEALTH_MODES_MAX 3

/* What is sampled in one mode. */
struct health_mode {
        const char *name;                /* static */
        unsigned rate, max_rate;         /* per second: at present, and as asked for */
        struct profile_counters samples; /* sums over all windows so far */
        struct profile_counters window;  /* books of the last window: accounted_ns, sampled_ns, left_out_ns */
        uint64_t unseen_ns; /* the highest value of @samples' unseen loss so far: by chance it sometimes falls */
        uint64_t lost;      /* ticks for which the kernel had no room */
};

/* The most containers that are named at a time. A node of Kubernetes has some 250 pods at most. */
#define HEALTH_GIL_WAITS_MAX 256

/* A container, by the names that its runtime gives; "": it has none of that kind. Longer names are cut. */
struct health_gil_wait {
        char pod_namespace[64], pod[254], container[128];
        double ratio; /* of the time for which its Python threads ran or waited for the GIL, the part they waited */
};

/* The containers of the last window, the one that waited most first. */
struct health_gil_waits {
        struct health_gil_wait rows[HEALTH_GIL_WAITS_MAX];
        size_t n;
        uint64_t untold; /* containers without a row: what their threads waited for is not known, or there is no room */
};

/* Facts that only the agent's own thread knows. */
struct health_facts {
        struct health_mode modes[HEALTH_MODES_MAX];
        size_t n_modes;
        const struct health_targets *targets; /* copied */
        size_t n_targets;
        const struct health_gil_waits *gil_waits; /* copied; NULL: mode wall is not sampled, or no window has ended */
        struct health_budget budget;
        uint64_t trims;
        uint64_t windows, failed_windows;
        uint64_t starved;     /* processes that are not looked at since file descriptors are short */
        uint64_t disbelieved; /* processes in a cgroup that falsely has the name of a container */
        uint64_t log_suppressed;
        bool ready;       /* the engine runs, and the machine has been scanned once */
        unsigned stalled; /* number of windows in a row in which a reader had ticks and did not move */
};

/* The most kinds of processes. */
#define HEALTH_TARGETS_MAX 16

/* ---- the server -------------------------------------------------------------- */

struct health_destination {
        const char *url;
        struct send *send;
};

/* Everything that it points to must outlive the server. */
struct health_config {
        int listen_fd;   /* from http_server_listen(); consumed, also on failure */
        double window_s; /* the longest time between two calls of health_publish() */
        const struct health_destination *destinations;
        size_t n_destinations;
};

struct health;

int health_open(const struct health_config *config, struct health **ret);
void health_close(struct health *health); /* accepts NULL */

/* Publishes the present facts, and copies them. A caller that stops publishing counts as stuck. @health may be NULL. */
void health_publish(struct health *health, const struct health_facts *facts);

/* Makes the text of /metrics, also for tests; allocated. NULL if memory ran out. */
char *health_metrics(const struct health_facts *facts, const struct health_usage *usage,
                     const struct health_destination *destinations, size_t n_destinations, size_t *ret_len);

#endif

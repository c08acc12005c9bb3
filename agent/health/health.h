/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEALTH_H
#define HEALTH_H

/*
 * health: what the agent says of itself over HTTP, and what it takes of the
 * machine.
 *
 *   GET /metrics   Prometheus' text format, version 0.0.4
 *   GET /healthz   200 as long as everything moves; else 503 and what does not
 *   GET /readyz    the same, and 503 until the machine has been looked at once
 *
 * No label is a process's or a container's: what a node runs in its life has no
 * bound, what a scraper keeps of it must have one.
 *
 * Errors: negative -errno, positive http_server_error.
 */

#include "agent/profile/profile.h"
#include "agent/send/send.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- what this process takes ---------------------------------------------- */

struct health_usage {
        double cpu_s;        /* user and system, all threads, so far */
        double start_time_s; /* since the epoch */
        uint64_t rss_bytes;
        uint64_t fds, threads;
};

/* What cannot be read is 0. */
void health_usage_read(struct health_usage *ret);
uint64_t health_resident_bytes(void); /* of that, what is cheap to read */

/* ---- budget ---------------------------------------------------------------- */

/* What may be taken of the machine, and by how much sampling has been cut down for it. */
struct health_budget {
        double max_cpu;      /* of one CPU: 0.01 is one per cent; 0: no bound */
        uint64_t max_memory; /* bytes of RSS; 0: no bound */
        unsigned max_rate;   /* what was asked for, per second */
        unsigned rate;       /* at present */
        double cpu;          /* what the last window took, of one CPU */
        bool trimmed;        /* after the last window: that was not enough if it still takes too much */
};

/*
 * The rate to begin with on @cpus CPUs: what is sure to fit, since an agent that
 * takes too much from the start may not get to look at its budget for long.
 */
unsigned health_budget_begin(struct health_budget *budget, unsigned cpus);

/* What is to be done for the next window. */
struct health_advice {
        unsigned rate;
        bool trim;     /* let go of everything that can be had again */
        bool hopeless; /* a bound is exceeded at the lowest rate: no sampling is slow enough */
};

/*
 * Looks at a window of @seconds in which @cpu_s of CPU time were spent and after
 * which @rss_bytes are in memory. The rate falls at once as far as it must, and
 * rises by steps when there is room.
 */
struct health_advice health_budget_look(struct health_budget *budget, double seconds, double cpu_s, uint64_t rss_bytes);

/* ---- facts ------------------------------------------------------------------ */

/* Processes of one kind. Strings are static. */
struct health_targets {
        const char *state, *reason;
        uint64_t n;
};

/* What only the agent's own thread knows. */
struct health_facts {
        struct profile_counters samples; /* of all windows so far */
        struct profile_counters window;  /* the books of the last one: accounted_ns, sampled_ns, left_out_ns */
        uint64_t unseen_ns; /* the most that profile_losses() has told of @samples: chance makes it fall at times */
        uint64_t lost;      /* ticks that the kernel had no room for */
        const struct health_targets *targets; /* copied */
        size_t n_targets;
        struct health_budget budget;
        uint64_t trims;
        uint64_t windows, failed_windows;
        uint64_t starved;     /* processes that are not looked at for want of file descriptors */
        uint64_t disbelieved; /* processes whose cgroup has the name of a container that is elsewhere */
        uint64_t log_suppressed;
        bool ready;       /* the engine runs, and the machine has been looked at once */
        unsigned stalled; /* windows in a row in which a reader has had ticks and not moved */
};

/* Room for so many kinds. */
#define HEALTH_TARGETS_MAX 16

/* ---- the server -------------------------------------------------------------- */

struct health_destination {
        const char *url;
        struct send *send;
};

/* What is pointed to must outlive the server. */
struct health_config {
        int listen_fd;   /* of http_server_listen(); consumed, also on failure */
        double window_s; /* how often facts come at least */
        const struct health_destination *destinations;
        size_t n_destinations;
};

struct health;

int health_open(const struct health_config *config, struct health **ret);
void health_close(struct health *health); /* accepts NULL */

/* Tells what is so now; a caller that stops telling is taken for stuck. Copies @facts. @health may be NULL. */
void health_publish(struct health *health, const struct health_facts *facts);

/* The text of /metrics, for tests as well; malloc, NULL: out of memory. */
char *health_metrics(const struct health_facts *facts, const struct health_usage *usage,
                     const struct health_destination *destinations, size_t n_destinations, size_t *ret_len);

#endif

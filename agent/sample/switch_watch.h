/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_SWITCH_WATCH_H
#define SAMPLE_SWITCH_WATCH_H

/*
 * The thread that takes the kernel's records of switches from the rings of all CPUs, and looks at the threads of all
 * targets that wait: see switches.h. Callers hold sampler->engine, or are alone with the engine.
 */

#include <stdbool.h>
#include <sys/types.h>

struct sampler;
struct switch_watch;

/* Starts the thread. 0, or a negative errno: then the kernel refuses the events. The caller owns *@ret. */
int switch_watch_start(struct sampler *sampler, struct switch_watch **ret);

/* Stops the thread. Accepts NULL. */
void switch_watch_stop(struct switch_watch *watch);

/*
 * If @tid is the thread, which hangs at a target, another thread takes its place. *@watch becomes that, or NULL if none
 * can be started.
 */
void switch_watch_relieve(struct switch_watch **watch, pid_t tid);

/* A CPU has come back: the rings are to be opened anew. Accepts NULL. */
void switch_watch_reopen(struct switch_watch *watch);

/* The share of a CPU that reading records has taken since the last call. Accepts NULL: 0. */
double switch_watch_cost(struct switch_watch *watch);

/* The part of looks since the last call before which records were lost: rings were full. Accepts NULL: 0. */
double switch_watch_losses(struct switch_watch *watch);

/* How often in a row this was called and the thread had not moved since. Accepts NULL: 0. */
unsigned switch_watch_check(struct switch_watch *watch);

#endif

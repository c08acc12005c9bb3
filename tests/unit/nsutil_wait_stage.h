/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_NSUTIL_WAIT_STAGE_H
#define TESTS_NSUTIL_WAIT_STAGE_H

#include "nsutil/nsutil.h"

/* What a child and its test share. */
struct stage {
        _Atomic pid_t tid; /* of the thread that waits; set before it begins to */
        int port;          /* of the peer, or of the socket that listens */
        char path[128];    /* of a file or a terminal */
        char missing[128]; /* "": nothing; what this machine does not have */
};

/* A thread that waits for one thing for ever. */
struct scene {
        const char *name;
        void (*play)(struct stage *stage);
        enum nsutil_wait_kind kind;
        enum nsutil_wait_act act;
        enum nsutil_wait_thing thing;
        const char *words; /* with PORT and PATH for what the stage has */
};

extern const struct scene scenes[];
extern const size_t n_scenes;

/* Starts a child with a thread that plays @play; ended by child_end(). -1 where this machine lacks something for it. */
pid_t stage_start(void (*play)(struct stage *stage), struct stage **ret);

/* Some scenes by themselves. */
void play_nanosleep(struct stage *stage);
void play_poll_socket(struct stage *stage);
void play_futex_timeout(struct stage *stage);
void play_pipe_read(struct stage *stage);
void play_spin(struct stage *stage);

/* A reading with its detail, as far as there is one. */
struct said {
        struct nsutil_wait wait;
        struct nsutil_wait_detail detail;
};
void said_read(const struct nsutil_wait_thread *thread, struct said *ret);

/* Reads until it is @kind, for up to 30 s. What is said before may be of the way there. */
bool said_settle(const struct nsutil_wait_thread *thread, enum nsutil_wait_kind kind, struct said *ret);

/* Reads a thread SAID_READINGS times. Each reading is @kind, or unknown. Returns how many are unknown. */
#define SAID_READINGS 200
unsigned said_count_unknown(const struct nsutil_wait_thread *thread, enum nsutil_wait_kind kind, const char *what);

/* Waits until the thread has slept for 50 ms, whatever it is said to wait for. */
void said_wait_until_asleep(const struct nsutil_wait_thread *thread);

/* Says that the scene is set, so that the thread waits next. */
void stage_begin(struct stage *stage);

#endif

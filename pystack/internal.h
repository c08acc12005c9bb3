/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_INTERNAL_H
#define PYSTACK_INTERNAL_H

/* What pystack's own files share. */

#include "pystack.h"
#include "pystack/decode/code_cache.h"
#include "pystack/layout/layout.h"
#include "pystack/locate/machine.h"
#include "pystack/memory/remote.h"

/* A span of the target's memory that is read with every snapshot of a thread. */
struct span {
        uint64_t addr;
        uint32_t len;
        uint32_t unused; /* samples since a frame was last found in it */
};

/* A code object and what is known of it. */
struct named {
        uint64_t addr;
        struct code_entry *entry;
};

struct pystack_thread {
        struct pystack *py;
        uint64_t tstate;
        uint64_t interp;
        uint64_t pthread; /* thread_id: with interp, what tells it from a successor at its address */
        unsigned held;    /* snapshots for which the caller held it */
        uint64_t on_cpu;  /* address of the number of the CPU it was last on, int32; 0: not known */
        pid_t inner_tid;
        bool unentered; /* 3.12 on: its state does not bear the flag, but no other of its states does */

        /* Where its stack lay last time: the plan of the next snapshot. */
        uint64_t cframe;    /* 3.11, 3.12: address of the running cframe */
        uint64_t chunk;     /* 3.11 on: what to read of the newest data stack chunk, */
        uint32_t chunk_len; /* 0: nothing known */
        struct span *spans; /* older chunks, shims, generators' frames, pages of heap frames */
        uint32_t n_spans, cap_spans;
        struct named *named; /* the frames of its last stack, outermost first */
        uint32_t n_named, cap_named;
        uint64_t named_changes; /* of the code cache, when they were named */
        struct named *codes;    /* the code objects of that stack, each once */
        uint32_t n_codes;
        uint64_t generation;
        uint32_t generation_changes; /* > 0: lately code objects have been freed between samples */
};

/* A frame as it stands in the target: code and position, not yet resolved. */
struct raw_frame {
        uint64_t code;
        int64_t position;    /* as kept: see enum layout_position */
        uint32_t tlbc_index; /* 0 where threads share the bytecode */
        uint64_t addr;
        bool on_data_stack; /* of 3.11 and 3.12, as the rest */
        bool from_c;        /* C has called it */
        bool at_rest;       /* it neither runs nor waits for C: not begun, returning, or waiting for Python */
};

/* What is read of a process, and how. */
struct runtime {
        struct layout layout;
        uint64_t interpreters;   /* address of the pointer to the first interpreter */
        uint64_t tstate_current; /* address of the pointer to the holder of the GIL; 0: see layout.gil */
        uint64_t code_type;      /* address of PyCode_Type, 0: not known */
        const struct machine *machine;
};

/* A code object whose proofs have been put off. */
struct owed {
        struct named code;
        uint32_t serial;
};

struct pystack {
        struct pystack_reader reader;
        struct pystack_info info;
        struct layout layout;
        uint64_t interpreters, tstate_current, code_type; /* as in struct runtime */
        const struct machine *machine;                    /* likewise */
        pid_t pid;                                        /* 0: not of a live process */
        pid_t inner_pid;                                  /* in the target's own namespace */
        int64_t rseq_offset;                              /* of struct rseq from a pthread_t; 0: not known */
        uint32_t tid_offset;                              /* of the TID in struct pthread, 0: not known yet */
        void (*release)(void *ctx);                       /* the reader's context goes with us; NULL: it is another's */

        struct code_cache codes;
        struct owed *owed; /* the code objects whose proofs have been put off, each once */
        size_t n_owed, cap_owed;
        uint64_t owed_changes; /* of the code cache, when the first of them was */
        uint32_t steady_min;   /* a code object's proofs wait after having held so often; 0: never yet */
        bool put_off;          /* it is allowed */
        bool provisional;      /* the stack being read has one of them */
        unsigned senseless;    /* readings for the last sample that agreed and led to no code objects or no memory */
        uint64_t snapshots;    /* taken so far: the newest one's number */
        uint64_t batches;      /* of proofs, read so far: likewise */
        uint64_t lists;        /* of a stack's code objects, made so far: likewise */
        struct pystack_thread_ref *threads;
        size_t n_threads, cap_threads;
        struct {
                uint64_t *slots; /* open addressing; 0: free */
                size_t mask, n;
        } met;        /* thread states, in the walk through the list of them that is under way */
        bool several; /* interpreters, when their threads were last listed */

        uint64_t cpu_ns_max;    /* of a sample: see pystack_limit(); 0: no limit */
        uint64_t resolve_begin; /* by the thread's CPU clock, when the first code object of this sample was resolved */
        unsigned resolved;      /* code objects for this sample */
        size_t line_bytes;      /* of line tables that were searched for this sample's lines */

        /* One snapshot's memory and the frames in it, reused by the next. */
        struct remote_room room;
        struct snapshot_window *windows;
        size_t n_windows, cap_windows;
        struct raw_frame *raw;        /* PYSTACK_MAX_FRAMES of each, made for the first sample: */
        struct pystack_frame *frames; /* most processes of a machine are never on a CPU */
};

/* Prepares to read @runtime. The files of thread.c and snapshot.c need no more. */
int pystack_open_reader(const struct pystack_reader *reader, const struct pystack_info *info,
                        const struct runtime *runtime, struct pystack **ret);

struct location;
struct effort;

/* Who is read: @pid is 0 for what is not a live process. */
struct subject {
        pid_t pid, inner_pid;
        struct pystack_reader reader;
        struct effort *effort; /* in which the opening by @reader is counted; NULL: it is not */
        uint32_t abi;          /* 0: to be found out */
};

/* Finds the runtime of @subject's process, and fills in its inner_pid. Errors and @info as of pystack_open(). */
int pystack_find(struct subject *subject, struct pystack_info *info, struct location *ret);

/* Opens what was found at @location. Errors and @info as of pystack_open(). */
int pystack_open_location(const struct subject *subject, const struct location *location, struct pystack_info *info,
                          struct pystack **ret);

/* The offset of struct rseq from a thread's pthread_t; 0: not known. */
int64_t rseq_find(pid_t pid, const struct pystack_reader *reader);

static inline uint64_t word_at(const uint8_t *bytes, uint32_t offset)
{
        uint64_t value;

        __builtin_memcpy(&value, bytes + offset, sizeof value);
        return value;
}

static inline uint32_t half_at(const uint8_t *bytes, uint32_t offset)
{
        uint32_t value;

        __builtin_memcpy(&value, bytes + offset, sizeof value);
        return value;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_INTERNAL_H
#define PYSTACK_INTERNAL_H

/* What pystack's own files share. */

#include "pystack.h"
#include "pystack/decode/code_cache.h"
#include "pystack/layout/layout.h"
#include "pystack/locate/machine.h"
#include "pystack/memory/address_set.h"
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

/* The memory that shows whether a thread collects garbage: see validate/garbage.c. */
struct garbage_place {
        uint64_t interp; /* of which interpreter; 0: not looked for yet */
        bool told;       /* it can be read; the rest is set only then */
        bool sole;       /* the thread was its interpreter's only one */
        unsigned n_spans;
        struct span spans[2]; /* read one behind the other. Where in these bytes is what; LAYOUT_NONE: nowhere */
        uint32_t collecting, interrupted, threads_head, holder, code_generation;
};

struct pystack_thread {
        struct pystack *py;
        uint64_t tstate;
        uint64_t interp;
        uint64_t pthread; /* its thread_id: another one if another thread's state comes to lie at @tstate */
        unsigned frozen;  /* snapshots for which the caller had its CPU */
        uint64_t on_cpu;  /* address of the number of the CPU it was last on, int32; 0: not known */
        pid_t inner_tid;
        bool unentered; /* 3.12 on: none of its states has the flag of the entered one */

        /* Where its stack lay last time: the plan of the next snapshot. */
        uint64_t cframe;    /* 3.11, 3.12: address of the running cframe */
        uint64_t chunk;     /* 3.11 on: the part of the newest data stack chunk to be read: its address, */
        uint32_t chunk_len; /* and its length; 0: not known */
        struct span *spans; /* older chunks, shims, generators' frames, pages of heap frames */
        uint32_t n_spans, cap_spans;
        struct named *named; /* the frames of its last stack, outermost first */
        uint32_t n_named, cap_named;
        uint64_t named_changes; /* the code cache's count of changes when they were named */
        struct named *codes;    /* the different code objects of that stack */
        uint32_t n_codes;
        struct garbage_place garbage;
        uint64_t generation;
        uint32_t generation_changes; /* > 0: code objects were freed between the last few samples */

        struct {
                const struct pystack_native_request *request; /* of the sample that is being taken; NULL: none */
                uint64_t begin;                               /* of the C stack */
                uint32_t len;                                 /* bytes of it that a snapshot reads, up to @limit */
                uint64_t limit;                               /* cannot be read; 0: not known */
                bool moved;                                   /* the thread may have run since the request */
                struct pystack_mixed mixed;                   /* of the last sample */
        } native;
};

/* A frame as it stands in the target. */
struct raw_frame {
        uint64_t code;
        int64_t position;    /* in the form that enum layout_position says */
        uint32_t tlbc_index; /* 0 where threads share the bytecode */
        uint64_t addr;
        bool on_data_stack; /* 3.11 and 3.12, like the next two */
        bool from_c;        /* C has called it */
        bool at_rest;       /* it neither runs nor waits for C: it has not begun, returns, or waits for Python */
};

/*
 * The frames that one run of the evaluation loop runs: those from the end of the piece before it, inside, up to @end. It may
 * have none. @anchor is the address of something that the loop has on the C stack: the shim; in 3.11 the cframe.
 */
struct piece {
        uint64_t anchor;
        uint32_t end;
};

/* Where in a process its interpreters lie, and by which offsets they are read. */
struct runtime {
        struct layout layout;
        uint64_t interpreters;   /* address of the pointer to the first interpreter */
        uint64_t tstate_current; /* address of the pointer to the holder of the GIL; 0: see layout.gil */
        uint64_t code_type;      /* address of PyCode_Type, 0: not known */
        const struct machine *machine;
};

/* A code object whose proofs are deferred. */
struct deferred {
        struct named code;
        uint32_t serial;
};

/* Proofs that are read later, for many stacks at once: see pystack_defer(). */
struct deferral {
        struct deferred *items; /* each code object once */
        size_t n, cap;
        uint64_t changes; /* of the code cache, when the first item was added */
        uint32_t after;   /* a code object's proofs are deferred after this many have held in a row; 0: not set yet */
        bool allowed;
};

/* The thread states of the process. */
struct thread_list {
        struct pystack_thread_ref *refs;
        size_t n, cap;
        struct address_set visited; /* thread states that the present walk through the list has met */
        bool several;               /* there were several interpreters when their threads were last listed */
};

/* What is known of the collections of a process: see validate/garbage.c. */
struct garbage {
        uint64_t interp;       /* the interpreter whose GIL was read last; 0: none yet */
        uint64_t switches;     /* the number of switches of that GIL then */
        uint64_t known_turn;   /* that number when nothing was collected, or when its holder collected */
        uint64_t known_holder; /* the thread state that held the GIL then; 0: there was no such moment */
        uint64_t collections;  /* the number of collections that was read last */
        uint32_t uneventful;   /* samples since a collection was last noticed */
        uint32_t *calls;       /* calls that were seen while no collection was in progress; NULL: none yet */
};

/* What the sample that is being taken has cost and found so far. */
struct effort_of_sample {
        uint64_t cpu_ns_max; /* see pystack_limit(); 0: no limit */
        uint64_t begin_ns;   /* by the thread's CPU clock, when the first code object was read */
        unsigned codes_read; /* code objects that were new */
        unsigned senseless;  /* readings that agreed, and that led to no code objects or to no memory */
        size_t line_bytes;   /* of line tables that were searched for its lines */
        bool provisional;    /* the proof of one of its code objects is deferred */
};

/* The numbers that were given last. 64 bits: none is given twice. */
struct numbers {
        uint64_t snapshot;
        uint64_t batch; /* of proofs that are read together */
        uint64_t list;  /* of the code objects of a stack */
};

/* One snapshot's memory and the frames in it, reused by the next one. */
struct scratch {
        struct remote_room room;
        struct snapshot_window *windows;
        size_t n_windows, cap_windows;
        struct raw_frame *raw;        /* PYSTACK_MAX_FRAMES of each, made for the first sample: */
        struct pystack_frame *frames; /* most processes of a machine are never on a CPU */
        struct piece *pieces;         /* the same for the first mixed one; NULL: they are not wanted */
};

struct pystack {
        struct runtime runtime; /* first, as it is read most */
        struct pystack_memory memory;
        struct numbers numbers;
        struct effort_of_sample sample;
        struct scratch scratch;
        struct code_cache codes;
        struct deferral deferral;
        struct {
                struct pystack_frees by;  /* see pystack_frees_watch(); its function is NULL: nobody counts */
                uint64_t from, last;      /* the generations that were in use when counting began; the newest one */
                uint64_t now;             /* that of the last snapshot; 0: not known */
                uint64_t stayed, changed; /* see pystack_frees_tell() */
        } frees;
        struct thread_list threads;
        struct garbage garbage;
        struct {
                pid_t pid;           /* 0: not a live process */
                pid_t inner_pid;     /* in the target's own namespace */
                int64_t rseq_offset; /* of struct rseq from a pthread_t; 0: not known */
                uint32_t tid_offset; /* of the TID in struct pthread; 0: not known yet */
        } process;
        struct pystack_native *native; /* NULL: mixed stacks are not wanted, or not ready */
        bool native_stale;             /* see pystack_native_is_stale() */
        struct {
                enum pystack_task_names names;
                struct pystack_tasks_state *state; /* NULL: it is not known where tasks are */
                bool stale;                        /* see pystack_tasks_are_stale() */
                uint64_t unread;                   /* see pystack_tasks_unread() */
        } tasks;
        struct {
                bool wanted;
                bool stale;                            /* see pystack_greenlets_are_stale() */
                struct pystack_greenlets_state *state; /* NULL: it is not known where greenlets are */
                uint64_t unread, switching;            /* see pystack_greenlets_unread() and the next one */
                char version[24];
        } greenlets;
        bool opcodes;               /* see pystack_opcodes_want() */
        void (*release)(void *ctx); /* releases the context of @memory; NULL: another owns it */
        struct pystack_info info;
};

/* Makes a pystack that reads @runtime. The files of threads/ and memory/ need no more. 0 or -ENOMEM. */
int pystack_new(const struct pystack_memory *memory, const struct pystack_info *info, const struct runtime *runtime,
                struct pystack **ret);

struct pystack_location;
struct effort;

/* The process that is being opened. @pid is 0 if it is no live process. */
struct subject {
        pid_t pid, inner_pid;
        struct pystack_memory memory;
        struct effort *effort; /* counts what opening costs; NULL: nobody does */
        uint32_t abi;          /* 0: to be found out */
};

/* Finds the runtime of @subject's process, and fills in its inner_pid. Errors and @info as of pystack_open(). */
int subject_locate(struct subject *subject, struct pystack_info *info, struct pystack_location *ret);

/* Opens what was found at @location. Errors and @info as of pystack_open(). */
int subject_open(const struct subject *subject, const struct pystack_location *location, struct pystack_info *info,
                 struct pystack **ret);

/* The offset of struct rseq from a thread's pthread_t; 0: not known. */
int64_t rseq_find(pid_t pid, const struct pystack_memory *memory);

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

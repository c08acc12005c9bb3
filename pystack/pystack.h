/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_H
#define PYSTACK_H

/*
 * pystack: from an interpreter's memory to Python stacks.
 *
 *   locate    where the runtime lies in the target, or what a process is that is no CPython
 *   layout    which version of CPython it is, 2.6, 2.7, or 3.4 and later, and its offsets, as data
 *   threads   its interpreters, thread states, and which of a thread's states is active
 *   memory    one thread's state and stack, copied and verified
 *   decode    a copy and a layout in, frames out; code objects: the bytes of their names and line
 *             tables, cached, and what these say when somebody asks
 *   validate  that code objects are still those in the cache, and that frames and loops fit together
 *   record    what was read of a process, kept to be read again
 *
 * open.c and sample.c join them.
 *
 * The target is hostile: its memory can hold anything and change at any moment.
 * Every remote length is bounded, nothing recurses over remote data, and a stack
 * is reported only if it was read twice and both readings agree, or once with the
 * proof that the thread could not run meanwhile (see struct pystack_hold), and if
 * its parts fit together: README.md has the moments at which memory lies.
 *
 * Errors: 0 success, negative -errno, positive pystack_error. A struct pystack
 * is for one thread at a time; several are independent of each other.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/uio.h>

enum pystack_error {
        PYSTACK_E_GONE = 1,    /* the process or the thread has ended */
        PYSTACK_E_DENIED,      /* the kernel refuses to read its memory */
        PYSTACK_E_NOT_PYTHON,  /* no CPython runtime in this process */
        PYSTACK_E_UNSUPPORTED, /* a Python that podflame cannot read: see the info */
        PYSTACK_E_NOT_READY,   /* the interpreter is still starting, or is ending */
        PYSTACK_E_TORN,        /* the thread kept running while it was read */
        PYSTACK_E_CORRUPT,     /* the memory is not what this CPython would hold */
        PYSTACK_E_COSTLY,      /* finding out what it is would take too much work */
        PYSTACK_E_HANGS,       /* its memory does not answer: see nsutil_attempt() */
};

const char *pystack_strerror(int error);

/* ---- reading memory ------------------------------------------------------ */

/*
 * How memory is read: process_vm_readv(2) on a live process, a recording in
 * tests. Copies the @n remote spans, in order and back to back, into @buf, and
 * stops at the first one that cannot be read. Returns the bytes copied, or a
 * negative errno if there were none (-ESRCH: the process has ended).
 */
typedef ssize_t (*pystack_read_fn)(void *ctx, void *buf, const struct iovec *remote, size_t n);

struct pystack_reader {
        pystack_read_fn read;
        void *ctx;
};

/* The reader of a live process. It holds nothing that needs to be released. */
struct pystack_reader pystack_process_reader(pid_t pid);

/* ---- opening ------------------------------------------------------------- */

#define PYSTACK_DETAIL_SIZE 160

struct pystack_info {
        uint32_t version;                 /* PY_VERSION_HEX, e.g. 0x030d00f0; 0: not known; micro and level may be 0 */
        bool free_threaded;               /* built without the GIL */
        uint64_t runtime;                 /* address of _PyRuntime; before 3.7, of _PyThreadState_Current */
        char file[256];                   /* the file that holds the runtime, as the target sees it, escaped */
        char detail[PYSTACK_DETAIL_SIZE]; /* after a failure: what was found, a sentence fragment, or "" */
};

struct pystack;

/*
 * Finds the runtime of process @pid and prepares to read it. @ret_info is filled
 * with what became known, also on failure. Takes some 100 us to a few ms; its
 * files are looked at in its memory, or opened through nsutil, never executed.
 * What would take more than 20 ms of CPU time or 5000 readings is PYSTACK_E_COSTLY:
 * no honest process is near that, and it is not worth trying again soon. A process
 * that holds the reader up is PYSTACK_E_HANGS after some 2 s, and at once from then on.
 */
int pystack_open(pid_t pid, struct pystack **ret, struct pystack_info *ret_info);

/*
 * The same for a process that is to be taken for the version @abi, major and
 * minor digits as in 27 or 311, whatever it seems to be; 0: as it seems to be.
 * -EINVAL if it is not one of pystack_abis().
 */
int pystack_open_abi(pid_t pid, uint32_t abi, struct pystack **ret, struct pystack_info *ret_info);

/*
 * Opens @pid, which is a copy of the process of @parent: forked by it, or by such a copy, and no other program has
 * been executed in between. Everything lies where it lies there, so nothing is searched for: that takes some 50 us.
 * Errors as of pystack_open().
 */
int pystack_fork(const struct pystack *parent, pid_t pid, struct pystack **ret);

/* The versions that can be read, ascending, ended by 0. */
const uint32_t *pystack_abis(void);

/* Accepts NULL. */
void pystack_close(struct pystack *py);

const struct pystack_info *pystack_info(const struct pystack *py);

/* ---- threads ------------------------------------------------------------- */

struct pystack_thread_ref {
        uint64_t tstate;  /* address of the PyThreadState */
        uint64_t interp;  /* address of its PyInterpreterState */
        uint64_t pthread; /* its pthread_t: what threading.get_ident() says */
        pid_t inner_tid;  /* its TID in the target's own PID namespace; 0: not known */
        bool main;        /* the process's first thread */
};

/* A process with more Python threads is read up to here. */
#define PYSTACK_MAX_THREADS 16384

/*
 * Lists the threads of all interpreters: of one that has entered several, the state
 * that it is in now. @ret points into @py and is valid
 * until the next call. @ret_n is 0 for an interpreter without threads.
 */
int pystack_threads(struct pystack *py, const struct pystack_thread_ref **ret, size_t *ret_n);

/*
 * The thread state that holds the GIL (of any interpreter), 0 if nobody does or
 * the build has none. PYSTACK_E_UNSUPPORTED where the layout does not tell.
 */
int pystack_gil_holder(struct pystack *py, uint64_t *ret_tstate);

/*
 * Whether threads take turns by a GIL, at this moment: false if an interpreter of the process runs without.
 * Free-threaded builds do (PEP 703), unless PYTHON_GIL=1 is set or a module is imported, or was, that needs
 * the GIL. True where it cannot be read, as it is before an interpreter has been set up.
 */
bool pystack_has_gil(struct pystack *py);

/* ---- stacks -------------------------------------------------------------- */

/*
 * A code object, as it was when it was first seen. Valid until the next call to
 * pystack_sample(); @serial names it for ever: it is never used twice in a pystack,
 * even if another code object comes to lie at the same address. A sample copies the
 * bytes of its names and its line table; pystack_text() and pystack_line() decode them.
 */
struct pystack_code {
        uint32_t serial;
        uint32_t first_line;
        uint32_t chars;     /* of its name and its file's: so many pystack_text() goes through */
        uint32_t lines_len; /* bytes of its line table: so many pystack_line() goes through at most */
};

struct pystack_frame {
        const struct pystack_code *code;
        int32_t instruction; /* byte offset into the bytecode, -1: not started */
};

/* Deeper stacks lose their outermost frames and are marked truncated. */
#define PYSTACK_MAX_FRAMES 2048

struct pystack_stack {
        const struct pystack_frame *frames; /* leaf first; valid until the next sample */
        size_t n;                           /* 0: the thread runs no Python at all */
        bool truncated;                     /* the outermost frames are missing */
        unsigned retries;                   /* readings thrown away before this one */
        bool provisional;                   /* true if pystack_settle() says so */
};

struct pystack_thread; /* what was learned of a thread: where its stack lies, and in which interpreter it is */

int pystack_thread_open(struct pystack *py, const struct pystack_thread_ref *ref, struct pystack_thread **ret);
void pystack_thread_close(struct pystack_thread *thread);
uint64_t pystack_thread_tstate(const struct pystack_thread *thread);

/*
 * Reads the thread's stack, verified: 0 and a true stack, PYSTACK_E_TORN after
 * @max_tries readings that disagreed, PYSTACK_E_GONE if the thread has no state
 * any more. In the steady state this is one system call.
 */
int pystack_sample(struct pystack *py, struct pystack_thread *thread, unsigned max_tries, struct pystack_stack *ret);

/*
 * Lets a sample take so much CPU time for code objects that are new to it: what takes more fails with
 * PYSTACK_E_COSTLY. What was learned until then is kept, so that a stack of many new functions succeeds some samples
 * later. 0, as after opening: no limit. In any case a process's code objects take 8 MiB at most, and a sample whose
 * own take more is PYSTACK_E_COSTLY.
 */
void pystack_limit(struct pystack *py, uint64_t cpu_ns);

/*
 * Lets the process's code objects take @bytes at most, instead of 8 MiB; 0: 8 MiB. What goes beyond fails with
 * PYSTACK_E_COSTLY, as above.
 */
void pystack_limit_bytes(struct pystack *py, size_t bytes);

/* The bytes that its code objects take, and how many were refused because they would have taken more than they may. */
size_t pystack_bytes(const struct pystack *py, uint64_t *ret_refusals);

/* Lets go of all memory that can be had again by reading, code objects and stacks that were returned included. */
void pystack_trim(struct pystack *py);

/*
 * That the caller keeps the thread from running: it runs on @cpu itself, and the
 * thread was last there. Where the target's own memory says that it has not been on
 * another CPU since (glibc 2.35 on), its stack is read once instead of twice.
 */
struct pystack_hold {
        int cpu;
        void (*begin)(void);
        bool (*unbroken)(int cpu); /* whether the caller has run all the time since begin(), on @cpu */
};

/* The same, with the thread held; @hold may be NULL. If it turns out not to have been held, it is read twice. */
int pystack_sample_held(struct pystack *py, struct pystack_thread *thread, const struct pystack_hold *hold,
                        unsigned max_tries, struct pystack_stack *ret);

/*
 * Lets stacks be provisional: the names of some frames are still to be proved, for
 * many stacks at once, by pystack_settle(). That saves most of the reading where
 * every stack needs proofs otherwise (3.12 and 3.13; others are never provisional).
 */
void pystack_put_off(struct pystack *py, bool allowed);

/*
 * Whether all provisional stacks since the last call were true: 0, or for example
 * PYSTACK_E_TORN if a code object was freed, and it cannot be told which of them
 * had it, or PYSTACK_E_GONE. At most one system call.
 */
int pystack_settle(struct pystack *py);

/*
 * The line that @frame is executing. 0 if its code has no line there, a line table of more than 512 KiB, or if 4 MiB of
 * line tables have been searched for this stack: no honest program has such.
 */
uint32_t pystack_line(struct pystack *py, const struct pystack_frame *frame);

/* The same without a bound for the stack: the caller bounds what it asks for, by @lines_len of the code object. */
uint32_t pystack_line_apart(const struct pystack *py, const struct pystack_frame *frame);

/* ---- names ---------------------------------------------------------------- */

/* Bytes of the longest name: 4096 characters, each as an escape of 10, an ellipsis for the rest, NUL. */
#define PYSTACK_TEXT_SIZE (4096 * 10 + 4)

/* What a code object is called. Both are escaped: see pystack_escape(). */
struct pystack_text {
        char name[PYSTACK_TEXT_SIZE]; /* qualified from 3.11 on */
        char file[PYSTACK_TEXT_SIZE];
};

/* Decodes the names of @code. Up to 80 us for the longest ones. */
void pystack_text(const struct pystack_code *code, struct pystack_text *ret);

/*
 * For those who decode later, in another thread: from pystack_keep() to the pystack_let_go() that belongs to it @code
 * stays valid, and pystack_text() and pystack_line_apart() may be called of it while others call what else there is of
 * @py. What is kept counts as bytes that the process's code objects take; only pystack_close() ends it otherwise.
 */
void pystack_keep(const struct pystack_code *code);
void pystack_let_go(struct pystack *py, const struct pystack_code *code);

/*
 * The form of all names here, which can be printed anywhere and turned back: UTF-8 in which a
 * control character or one that cannot be seen is \xNN (up to 0x7f) or \uNNNN, a byte that is
 * no UTF-8 is \xNN (from 0x80 on), and a backslash is two. @ret is cut between characters.
 */
void pystack_escape(const char *bytes, size_t len, char *ret, size_t size);

/* ---- recordings ---------------------------------------------------------- */

/*
 * A recording is what was read of a process, so that its stacks can be read again
 * elsewhere: a text file, see tests/fixtures/recordings/README.md. It holds pieces
 * of the process's memory: names and line numbers, but also values beside them.
 */
struct pystack_recorder;

/*
 * Opens @pid as pystack_open_abi() does; from then on everything that is read
 * through @ret is kept. The recorder must live until after pystack_close(). The
 * process should hold still meanwhile: of what changes, the first reading is kept.
 */
int pystack_recorder_open(pid_t pid, uint32_t abi, struct pystack_recorder **ret_recorder, struct pystack **ret,
                          struct pystack_info *ret_info);

/* Writes what has been read so far. 0, or -errno of @file. */
int pystack_recorder_write(const struct pystack_recorder *recorder, FILE *file);

/* Accepts NULL. */
void pystack_recorder_close(struct pystack_recorder *recorder);

/*
 * Opens a recording, all of which is read; @file is not consumed. Memory that is
 * not in it cannot be read. Errors as of pystack_open(); -EBADMSG if it is none.
 */
int pystack_open_recording(FILE *file, struct pystack **ret, struct pystack_info *ret_info);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_H
#define PYSTACK_H

/*
 * pystack: from an interpreter's memory to Python stacks.
 *
 *   locate    finds the runtime in the process, or says what a process is that is no CPython
 *   layout    finds out the version of CPython (2.6, 2.7, 3.4 and later), and has its offsets as data
 *   threads   lists interpreters and thread states, and finds the active state of each thread
 *   memory    copies one thread's state and stack, and checks that the copy is of one moment
 *   decode    makes frames of a copy by a layout; reads and caches the bytes of names and line tables; makes text and
 *             line numbers of them when the caller asks
 *   greenlets continues stacks of greenlets into their parents, and lists all greenlets
 *   tasks     makes stacks begin at the task of asyncio that runs them, and lists all tasks
 *   validate  checks that code objects are still those in the cache, and that frames and loops fit together
 *   record    keeps what was read of a process, so that it can be read again
 *
 * open.c and sample.c join these folders.
 *
 * The target is hostile: its memory can hold anything and change at any moment. Every length that is read is bounded,
 * and nothing recurses over what was read. A stack is reported only if its parts fit together and all of it is from
 * one moment. Either two copies of it agree, or the thread could not run while the one copy was made (see struct
 * pystack_uninterrupted). README.md lists the moments at which the memory does not show a true stack.
 *
 * Errors: 0 is success, a negative value is -errno, a positive one is a pystack_error. One thread at a time may use a
 * struct pystack. Different ones are independent of each other.
 */

#include "greenlets.h"
#include "native.h"
#include "opcodes.h"
#include "refusal.h"
#include "tasks.h"

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
 * How memory is read: by process_vm_readv(2) from a live process, or from a recording. Copies the @n remote spans into
 * @buf, in order and back to back, and stops at the first one that cannot be read. Returns the number of bytes copied,
 * or a negative errno if that is 0 (-ESRCH: the process has ended).
 */
typedef ssize_t (*pystack_read_fn)(void *ctx, void *buf, const struct iovec *remote, size_t n);

struct pystack_memory {
        pystack_read_fn read;
        void *ctx;
        struct pystack_trace trace; /* is told what is refused of this memory; pystack_open() fills it in */
        pid_t pid;                  /* for the trace; 0: not a live process */
};

/* The memory of a live process. It holds nothing that needs to be released. */
struct pystack_memory pystack_process_memory(pid_t pid);

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
struct pystack_location; /* where the runtime lies: see locate/locate.h */

/* What is opened, and how. Members that are 0 or NULL have the meaning given. */
struct pystack_options {
        pid_t pid;    /* the process; 0: it is not alive: then @memory and @location are needed */
        uint32_t abi; /* take it for this version, major and minor digits as in 27 or 311; 0: find the version out */
        struct pystack_trace trace; /* is told what is refused, from now until pystack_close() */

        /* For what is read otherwise than from a live process. Both are borrowed for the call. */
        const struct pystack_memory *memory;     /* NULL: the process's own */
        const struct pystack_location *location; /* NULL: it is searched for */
        pid_t inner_pid;                         /* with @location: the PID in the target's own namespace */
};

/*
 * Finds the runtime of a process and prepares to read it. @ret_info is filled with what became known, also on failure.
 * Takes some 100 us to a few ms. The process's files are looked at in its memory, or opened through nsutil. They are
 * never executed.
 *
 * -EINVAL: the abi is not one of pystack_abis(), or nothing says what to read. PYSTACK_E_COSTLY: it would take more
 * than 20 ms of CPU time or 5000 readings; no honest process is near that, and trying again soon is not worth it.
 * PYSTACK_E_HANGS: the process holds the reading up; after some 2 s, and at once from then on.
 */
int pystack_open(const struct pystack_options *options, struct pystack **ret, struct pystack_info *ret_info);

/*
 * Whether a file that is mapped with code may make its process a Python, of any kind. @path is as in maps, @fd is open
 * for reading. Where it is false for all such files of a process, pystack_open() finds that the process is no Python.
 * True also if the file does not tell. Takes 50 us, or milliseconds if the file has a large .symtab.
 */
bool pystack_file_may_be_python(const char *path, int fd);

/*
 * Opens @pid, a copy of the process of @parent: it was forked by that process or by another copy, and has executed no
 * other program since. All lies where it lies in the parent, so nothing is searched for: that takes some 50 us. It has
 * the trace of @parent. Errors as of pystack_open().
 */
int pystack_fork(const struct pystack *parent, pid_t pid, struct pystack **ret);

/*
 * Opens the live process of @py once more, for another thread that reads it. Nothing of the process is read for that. It
 * has the trace of @py. 0 or -ENOMEM.
 */
int pystack_again(const struct pystack *py, struct pystack **ret);

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
 * Lists the threads of all interpreters. A thread that has entered several interpreters is listed once, with the
 * state that it is in now. @ret points into @py and is valid until the next call. @ret_n is 0 for an interpreter
 * without threads.
 */
int pystack_threads(struct pystack *py, const struct pystack_thread_ref **ret, size_t *ret_n);

/*
 * The thread state that holds the GIL of any interpreter; 0 if none does or the build has no GIL.
 * PYSTACK_E_UNSUPPORTED if the layout does not tell.
 */
int pystack_gil_holder(struct pystack *py, uint64_t *ret_tstate);

/* Characters of a thread's name that are kept. */
#define PYSTACK_THREAD_NAME_CHARS 256

/* Bytes of the longest name: each character as an escape of 10, an ellipsis for the rest, NUL. */
#define PYSTACK_THREAD_NAME_SIZE (PYSTACK_THREAD_NAME_CHARS * 10 + 4)

/* Is told that @refs[@i] is called @name, which is escaped and not "". Valid during the call. */
typedef void (*pystack_thread_name_fn)(void *ctx, size_t i, const char *name);

/*
 * Reads what the threading module of its interpreter calls each of these threads: the `_name` of the Thread that
 * threading._active has for its ident (Lib/threading.py, the same from 2.6 to 3.15; `_Thread__name` in 2.x). The
 * process's first thread is called MainThread if threading was never imported.
 *
 * A name that is not certain is not told. That is so if the thread is none of threading's, the name is no str or is
 * "", the thread is gone, or something changes while it is read; a later call may tell it then. It takes some 15 us for
 * each name and 0.2 ms beside that, and may hang as all reading may. Another thread may use @py meanwhile, unless it closes it.
 *
 * 0, also if no name is told. PYSTACK_E_UNSUPPORTED: the layout tells no names. PYSTACK_E_COSTLY: it would take more
 * than 100 ms of CPU time or 65536 readings. Other errors of reading. The names until then have been told.
 */
int pystack_thread_names(const struct pystack *py, const struct pystack_thread_ref *refs, size_t n,
                         pystack_thread_name_fn each, void *ctx);

/* Copies of the process's memory, by the same bounds as all that is read of it. 0, or an error of reading. */
int pystack_peek(struct pystack *py, uint64_t address, void *buf, size_t size);

/*
 * Whether threads take turns by a GIL at this moment: false if an interpreter of the process runs without one.
 * Interpreters of free-threaded builds run without one (PEP 703), unless PYTHON_GIL=1 is set or a module that needs
 * the GIL has been imported. True if it cannot be read, as before an interpreter has been set up.
 */
bool pystack_has_gil(struct pystack *py);

/* ---- stacks -------------------------------------------------------------- */

/*
 * A code object, as it was when it was first seen. The pointer is valid until the next pystack_sample(). @serial is
 * never used twice in a pystack, even if another code object comes to lie at the same address. A sample copies the
 * bytes of its names and its line table. pystack_text() and pystack_line() decode them.
 */
struct pystack_code {
        uint32_t serial;
        uint32_t first_line;
        uint32_t chars;     /* of its name and its file's name: pystack_text() goes through all of them */
        uint32_t lines_len; /* bytes of its line table: pystack_line() goes through all of them at most */
};

struct pystack_frame {
        const struct pystack_code *code;
        int32_t instruction; /* byte offset into the bytecode, -1: not started */
};

/* A deeper stack loses its outermost frames and is marked truncated. */
#define PYSTACK_MAX_FRAMES 2048

struct pystack_stack {
        const struct pystack_frame *frames; /* leaf first; valid until the next sample */
        size_t n;                           /* 0: the thread runs no Python at all */
        bool truncated;                     /* the outermost frames are missing */
        bool gc;                            /* this thread collects garbage: see below */
        bool gc_certain;
        size_t gc_at;
        unsigned retries;                  /* readings thrown away before this one */
        const struct pystack_mixed *mixed; /* see pystack_native_ask(); NULL: it was not asked for */
        uint32_t opcode;                   /* at which the leaf stands: see pystack_opcodes_want() */
        bool provisional;                  /* believe it only if the next pystack_validate() returns 0 */
};

/*
 * If @gc is set, the thread is in a collection of garbage, be it automatic or by gc.collect(). If @gc_certain is set, the
 * collection has interrupted frames[gc_at], and the frames before it are of code that the collector has called:
 * finalizers, callbacks of weak references, gc.callbacks. Else frames[gc_at] is the innermost frame that the collector
 * has certainly not called, and the collection has interrupted this frame or one of those before it. gc_at is less than n.
 *
 * If @gc is not set, the thread may collect all the same: up to 3.6, without the GIL up to 3.14, and where README.md says
 * so. CPython does not tell the generation while it collects.
 */
#define PYSTACK_GC_NAME "<GC>" /* what its frame is called: as in CPython's own profiler, 3.15 on */

struct pystack_thread; /* what is known of a thread: where its stack lies, and in which interpreter it is */

int pystack_thread_open(struct pystack *py, const struct pystack_thread_ref *ref, struct pystack_thread **ret);
void pystack_thread_close(struct pystack_thread *thread);
uint64_t pystack_thread_tstate(const struct pystack_thread *thread);
/* What pystack_threads() lists of the thread that was opened. */
struct pystack_thread_ref pystack_thread_get(const struct pystack_thread *thread);

/*
 * Where the GIL of the interpreter of @thread lies, @ret_to exclusive. A thread that waits for the GIL sleeps at a word
 * of it, since glibc's condition variables and mutexes contain the words that their waiters sleep at.
 * PYSTACK_E_UNSUPPORTED up to 3.6, and if libc is not known to be glibc: musl's waiters sleep at words of their stacks.
 * Errors of reading.
 */
int pystack_gil_span(const struct pystack_thread *thread, uint64_t *ret_from, uint64_t *ret_to);

/*
 * Reads the thread's stack. 0: it is a true stack. PYSTACK_E_TORN after @max_tries torn snapshots. PYSTACK_E_GONE if
 * the thread has no state any more. Once its code objects are known, this is one system call most of the time.
 */
int pystack_sample(struct pystack *py, struct pystack_thread *thread, unsigned max_tries, struct pystack_stack *ret);

/*
 * Limits the CPU time that a sample takes to read code objects that are new. A sample that would take more fails with
 * PYSTACK_E_COSTLY. The code objects that it has read are kept, so a stack of many new functions succeeds some samples
 * later. 0, as after opening: no limit.
 */
void pystack_limit(struct pystack *py, uint64_t cpu_ns);

/*
 * Limits the bytes that the process's code objects take. 0, as after opening: 8 MiB, which is the most in any case. A
 * sample whose code objects would take more fails with PYSTACK_E_COSTLY.
 */
void pystack_limit_bytes(struct pystack *py, size_t bytes);

/*
 * The bytes that the process's code objects take. @ret_refusals: how many code objects did not fit in the limit so
 * far.
 */
size_t pystack_bytes(const struct pystack *py, uint64_t *ret_refusals);

/* Frees all that can be read again. Code objects and stacks that were returned are not valid any more. */
void pystack_trim(struct pystack *py);

/*
 * How the caller shows that it was not switched out while a thread was read. The caller runs on @cpu, which the
 * thread was last on. If the target's own memory says that the thread has not been on another CPU since (glibc 2.35
 * on), the thread is frozen: it could not run meanwhile. Then its stack is read once instead of twice.
 */
struct pystack_uninterrupted {
        int cpu;
        void (*begin)(void);
        bool (*unbroken)(int cpu); /* whether the caller has run on @cpu all the time since begin() */
};

/*
 * The same for a thread that may be frozen. @uninterrupted may be NULL. If the thread was not frozen, it is read
 * twice.
 */
int pystack_sample_frozen(struct pystack *py, struct pystack_thread *thread,
                          const struct pystack_uninterrupted *uninterrupted, unsigned max_tries,
                          struct pystack_stack *ret);

/*
 * Allows that stacks are provisional: the proofs of some of their code objects are deferred. pystack_validate() reads
 * these proofs for many stacks at once. That saves most of the reading for 3.12 and 3.13, whose stacks all need
 * proofs. Stacks of other versions are never provisional.
 */
void pystack_defer(struct pystack *py, bool allowed);

/*
 * Reads the deferred proofs. 0: all provisional stacks since the last call were true. PYSTACK_E_TORN: a code object was
 * freed, and nothing shows which of the stacks had it; none of them may be believed. PYSTACK_E_GONE and other errors of
 * reading: none may be believed either. At most one system call.
 */
int pystack_validate(struct pystack *py);

/*
 * The line that @frame is executing. 0 if its code has no line there. Also 0 if its line table has more than 512 KiB,
 * or if 4 MiB of line tables have been searched for this stack: no honest program needs more.
 */
uint32_t pystack_line(struct pystack *py, const struct pystack_frame *frame);

/* The same without a bound for the stack. The caller bounds the work, by @lines_len of the code objects. */
uint32_t pystack_line_apart(const struct pystack *py, const struct pystack_frame *frame);

/* ---- names ---------------------------------------------------------------- */

/* Bytes of the longest name: 4096 characters, each as an escape of 10, an ellipsis for the rest, NUL. */
#define PYSTACK_TEXT_SIZE (4096 * 10 + 4)

/* What a code object is called. Both are escaped: see pystack_escape(). */
struct pystack_text {
        char name[PYSTACK_TEXT_SIZE]; /* qualified from 3.11 on */
        char file[PYSTACK_TEXT_SIZE];
};

/* Decodes the names of @code. The longest names take 80 us. */
void pystack_text(const struct pystack_code *code, struct pystack_text *ret);

/*
 * Keeps @code valid, for a thread that decodes it later, until the pystack_let_go() that belongs to the call, or
 * until pystack_close(). Until then any thread may call pystack_text() and pystack_line_apart() with it while another
 * one uses @py. Kept code objects count as bytes that the process's code objects take.
 */
void pystack_keep(const struct pystack_code *code);
void pystack_let_go(struct pystack *py, const struct pystack_code *code);

/*
 * The form that all names here have. It can be printed anywhere and turned back. It is UTF-8. A control character, or
 * one that cannot be seen, is written \xNN (up to 0x7f) or \uNNNN. A byte that is no UTF-8 is written \xNN (from 0x80
 * on). A backslash is doubled. @ret is cut between characters.
 */
void pystack_escape(const char *bytes, size_t len, char *ret, size_t size);

/* ---- recordings ---------------------------------------------------------- */

/*
 * A recording is what was read of a process. Its stacks can be read again elsewhere. It is a text file: see
 * tests/fixtures/recordings/README.md. It holds pieces of the process's memory: names and line numbers, but also values
 * beside them.
 */
struct pystack_recorder;

/*
 * Opens @pid as pystack_open() does with @abi. From then on all that is read through @ret is kept. The recorder must
 * live until after pystack_close(). The process should not run meanwhile: if something changes, the first reading of it
 * is kept.
 */
int pystack_recorder_open(pid_t pid, uint32_t abi, struct pystack_recorder **ret_recorder, struct pystack **ret,
                          struct pystack_info *ret_info);

/* Writes what has been read so far. 0, or -errno of @file. */
int pystack_recorder_write(const struct pystack_recorder *recorder, FILE *file);

/* Accepts NULL. */
void pystack_recorder_close(struct pystack_recorder *recorder);

/*
 * Opens a recording, all of which is read; @file is not consumed. Memory that is not in it cannot be read. @trace may
 * be NULL. Errors as of pystack_open(); -EBADMSG if the file is no recording.
 */
int pystack_open_recording(FILE *file, const struct pystack_trace *trace, struct pystack **ret,
                           struct pystack_info *ret_info);

/* The GILs of a process, and the code objects that it frees. */
#include "frees.h"
#include "gil.h"

#endif

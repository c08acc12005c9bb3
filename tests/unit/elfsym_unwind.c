/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stacks of a real process: a child notes its registers, and what backtrace(3) of its C library says, and waits. Both
 * have to agree on every return address, up to the first.
 */
#include "elfsym/elfsym.h"
#include "tests/unit/support/suite.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

SUITE(elfsym_unwind);

#define FRAMES_MAX 64
#define NESTED __attribute__((noinline, noclone))

#if defined(__clang__)
#undef NESTED
#define NESTED __attribute__((noinline))
#endif

/* What a child notes, in memory that is shared with its parent. */
struct note {
        struct elfsym_registers regs;
        void *expected[FRAMES_MAX];
        int n;
        bool done;
};

static struct note *note;

static void take_registers(const ucontext_t *context, struct elfsym_registers *ret)
{
        *ret = (struct elfsym_registers){ .known = (1u << ELFSYM_SAVED_MAX) - 1 };
#if defined(__aarch64__)
        ret->pc = context->uc_mcontext.pc;
        ret->sp = context->uc_mcontext.sp;
        for (int i = 0; i < ELFSYM_SAVED_MAX; i++)
                ret->general[i] = context->uc_mcontext.regs[19 + i];
#else
        static const int numbers[] = { REG_RBX, REG_RBP, REG_R12, REG_R13, REG_R14, REG_R15 };

        ret->pc = (uint64_t)context->uc_mcontext.gregs[REG_RIP];
        ret->sp = (uint64_t)context->uc_mcontext.gregs[REG_RSP];
        for (int i = 0; i < ELFSYM_SAVED_MAX; i++)
                ret->general[i] = (uint64_t)context->uc_mcontext.gregs[numbers[i]];
#endif
}

/* The innermost function of each scene: its child goes no further. */
static NESTED void note_and_wait(void)
{
        ucontext_t context;
        void *all[FRAMES_MAX];
        int n = backtrace(all, FRAMES_MAX), own = 0;

        /* A sanitizer's backtrace begins with a frame of its own. */
        while (own + 1 < n && all[own + 1] != __builtin_return_address(0))
                own++;
        note->n = n - own;
        memcpy(note->expected, all + own, (size_t)note->n * sizeof(all[0]));
        getcontext(&context);
        take_registers(&context, &note->regs);
        __atomic_store_n(&note->done, true, __ATOMIC_RELEASE);
        while (__atomic_load_n(&note->done, __ATOMIC_ACQUIRE))
                pause();
}

/* ---- the scenes ---------------------------------------------------------- */

static NESTED int call_deeply(int depth)
{
        if (depth == 0) {
                note_and_wait();
                return 0;
        }
        return call_deeply(depth - 1) + depth;
}

static NESTED int call_above_variable_array(size_t n)
{
        volatile char *bytes = alloca(n);

        bytes[0] = bytes[n - 1] = 1;
        return call_deeply(3) + bytes[n / 2];
}

static NESTED int call_above_aligned_array(int n)
{
        _Alignas(64) volatile char bytes[256];

        bytes[n] = 1;
        return call_above_variable_array((size_t)n) + bytes[n];
}

static int compare_never(const void *a, const void *b)
{
        (void)a;
        (void)b;
        return call_above_aligned_array(100);
}

static NESTED int sort_numbers(void)
{
        int numbers[] = { 3, 1, 2 };

        qsort(numbers, 3, sizeof(numbers[0]), compare_never);
        return numbers[0];
}

static void handle_signal(int number)
{
        (void)number;
        sort_numbers();
}

static NESTED void raise_in_function(int flags)
{
        struct sigaction action = { .sa_handler = handle_signal, .sa_flags = flags };
        static char other_stack[256 << 10];
        stack_t stack = { .ss_sp = other_stack, .ss_size = sizeof(other_stack) };

        sigaltstack(&stack, NULL);
        sigaction(SIGUSR1, &action, NULL);
        raise(SIGUSR1);
}

static void *run_thread(void *arg)
{
        (void)arg;
        raise_in_function(0);
        return NULL;
}

static void play_main(void)
{
        call_above_aligned_array(50);
}

static void play_callback(void)
{
        sort_numbers();
}

static void play_signal(void)
{
        raise_in_function(0);
}

static void play_other_stack(void)
{
        raise_in_function(SA_ONSTACK);
}

static void play_thread(void)
{
        pthread_t thread;

        pthread_create(&thread, NULL, run_thread, NULL);
        pthread_join(thread, NULL);
}

/* ---- the reader ---------------------------------------------------------- */

static ssize_t read_process(void *ctx, void *buf, const struct iovec *remote, size_t n)
{
        struct iovec local = { .iov_base = buf };

        for (size_t i = 0; i < n; i++)
                local.iov_len += remote[i].iov_len;

        ssize_t got = process_vm_readv(*(const pid_t *)ctx, &local, 1, remote, n, 0);

        return got < 0 ? -errno : got;
}

static bool load_word(void *ctx, uint64_t addr, uint64_t *ret)
{
        struct iovec span = { .iov_base = (void *)(uintptr_t)addr, .iov_len = sizeof(*ret) };

        return read_process(ctx, ret, &span, 1) == sizeof(*ret);
}

/* A child has the images of its parent. */
struct image_search {
        uint64_t pc;
        uint64_t base;
};

static int look_at_image(struct dl_phdr_info *info, size_t size, void *ctx)
{
        struct image_search *search = ctx;
        uint64_t base = UINT64_MAX, end = 0;

        (void)size;
        for (int i = 0; i < info->dlpi_phnum; i++) {
                const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];

                if (phdr->p_type != PT_LOAD)
                        continue;
                if (base == UINT64_MAX)
                        base = info->dlpi_addr + phdr->p_vaddr - phdr->p_offset;
                end = info->dlpi_addr + phdr->p_vaddr + phdr->p_memsz;
        }
        if (search->pc < base || search->pc >= end)
                return 0;
        search->base = base;
        return 1;
}

static int find_rule(pid_t pid, uint64_t pc, struct elfsym_unwind *ret)
{
        const struct elfsym_memory memory = { read_process, &pid };
        struct image_search search = { .pc = pc };
        struct elfsym_frames frames;

        if (dl_iterate_phdr(look_at_image, &search) == 0)
                return ELFSYM_E_NOT_FOUND;
        cr_assert_eq(elfsym_frames_open(&memory, search.base, &frames), 0);
        cr_expect(pc >= frames.text_begin && pc < frames.text_end);
        return elfsym_unwind_find(&memory, &frames, pc, ret);
}

/* Walks up from the child's registers. Returns how the walk ended. */
static int walk_stack(pid_t pid, const struct note *seen, int *ret_n, int *ret_signals)
{
        struct elfsym_registers regs = seen->regs;
        struct elfsym_unwind unwind = { .is_signal = true };
        int r = 0;

        *ret_signals = 0;
        for (*ret_n = 0; r == 0 && *ret_n < FRAMES_MAX; ++*ret_n) {
                if (*ret_n > 0)
                        cr_expect_eq(regs.pc, (uintptr_t)seen->expected[*ret_n], "frame %d", *ret_n);
                r = find_rule(pid, unwind.is_signal ? regs.pc : regs.pc - 1, &unwind);
                if (r == 0)
                        r = elfsym_unwind_step(&unwind, load_word, &pid, &regs);
                *ret_signals += r == 0 && unwind.is_signal;
        }
        return r;
}

static const struct scene {
        const char *what;
        void (*play)(void);
        int frames; /* at least */
        int signals;
} scenes[] = {
        { "functions with arrays of any size", play_main, 8, 0 },
        { "a function that the C library calls", play_callback, 10, 0 },
        { "a signal's handler", play_signal, 14, 1 },
        { "a signal's handler on a stack of its own", play_other_stack, 14, 1 },
        { "a thread", play_thread, 15, 1 },
};

static void check_scene(const struct scene *scene)
{
        pid_t pid = fork();
        int n, signals, r;

        if (pid == 0) {
                scene->play();
                _exit(1);
        }
        while (!__atomic_load_n(&note->done, __ATOMIC_ACQUIRE) && waitpid(pid, NULL, WNOHANG) == 0)
                usleep(1000);
        r = walk_stack(pid, note, &n, &signals);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        cr_expect_eq(r, ELFSYM_E_END, "%s: ends with %d after %d frames", scene->what, r, n);
        cr_expect_eq(n, note->n, "%s: %d frames, not %d", scene->what, n, note->n);
        cr_expect_geq(n, scene->frames, "%s: %d frames", scene->what, n);
        cr_expect_eq(signals, scene->signals, "%s: %d signals", scene->what, signals);
}

Test(elfsym_unwind, stacks_are_those_of_backtrace)
{
        note = mmap(NULL, sizeof(*note), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
                *note = (struct note){ 0 };
                check_scene(&scenes[i]);
        }
}

#if defined(__x86_64__)
/* On aarch64 it has none. */
Test(elfsym_unwind, the_vdso_has_a_table)
{
        pid_t self = getpid();
        const struct elfsym_memory memory = { read_process, &self };
        struct elfsym_frames frames;
        struct elfsym_unwind unwind;
        unsigned found = 0;

        cr_assert_eq(elfsym_frames_open(&memory, getauxval(AT_SYSINFO_EHDR), &frames), 0);
        cr_expect_gt(frames.entries, 0);
        cr_expect_eq(strlen(frames.build_id), 40);
        for (uint64_t pc = frames.text_begin; pc < frames.text_end; pc++) {
                int r = elfsym_unwind_find(&memory, &frames, pc, &unwind);

                cr_assert(r == 0 || r == ELFSYM_E_NOT_FOUND, "%d", r);
                found += r == 0;
        }
        cr_expect_gt(found, 100);
}

/* Of its 16 bytes an entry spends the last 5 with one word more on the stack. Only an expression can say that. */
Test(elfsym_unwind, entries_of_the_plt)
{
        pid_t self = getpid();
        const struct elfsym_memory memory = { read_process, &self };
        uint64_t words[] = { 0x1111, 0x2222, 0x3333, 0x4444 };
        struct elfsym_frames frames;
        struct elfsym_section plt;
        struct elfsym *elf;
        Dl_info info;

        cr_assert_neq(dladdr(dlsym(RTLD_DEFAULT, "qsort"), &info), 0);

        int fd = open(info.dli_fname, O_RDONLY | O_CLOEXEC);

        cr_assert_eq(elfsym_open_fd(fd, &elf), 0);
        cr_assert_eq(elfsym_section(elf, ".plt", &plt), 0);
        cr_assert_eq(elfsym_frames_open(&memory, (uintptr_t)info.dli_fbase, &frames), 0);
        for (uint64_t at = 16; at < 48; at++) {
                uint64_t pc = frames.bias + plt.addr + at;
                bool more = at % 16 >= 11;
                struct elfsym_registers regs = { .pc = pc, .sp = (uintptr_t)words };
                struct elfsym_unwind unwind;

                cr_assert_eq(elfsym_unwind_find(&memory, &frames, pc, &unwind), 0, "%#lx", at);
                cr_assert_eq(elfsym_unwind_step(&unwind, load_word, &self, &regs), 0);
                cr_expect_eq(regs.pc, words[more], "%#lx", at);
                cr_expect_eq(regs.sp, (uintptr_t)&words[1 + more], "%#lx", at);
        }
        elfsym_close(elf);
        close(fd);
}
#endif

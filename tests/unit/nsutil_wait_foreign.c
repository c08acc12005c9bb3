/* SPDX-License-Identifier: Apache-2.0 */
/* Threads whose system calls are not those of this machine: threads of the kernel, and of 32-bit programs. */
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/nsutil_wait_stage.h"
#include "tests/unit/support/suite.h"

#include <elf.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

SUITE(nsutil_wait_foreign);

/* The thread was recognised as one whose calls are not those of this machine. */
static void expect_foreign(const struct nsutil_wait_thread *thread)
{
        struct nsutil_wait wait;

        cr_assert_eq(nsutil_wait_read(thread, NULL, &wait), 0);
        cr_expect(wait.missing & NSUTIL_MISSING_NATIVE, "%#x", wait.missing);
}

/* io_uring starts a thread of the kernel in the process. */
static void play_kernel_thread(struct stage *stage)
{
        struct io_uring_params params = { .flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 1 };

        if (syscall(SYS_io_uring_setup, 4, &params) < 0)
                strcpy(stage->missing, "io_uring");
        play_pipe_read(stage);
}

Test(nsutil_wait_foreign, threads_of_the_kernel_are_in_no_call)
{
        struct nsutil_thread *threads;
        struct stage *stage;
        pid_t pid = stage_start(play_kernel_thread, &stage);
        size_t n, met = 0;

        require(pid > 0, "io_uring");
        cr_assert_eq(nsutil_threads_read(pid, &threads, &n), 0);
        for (size_t i = 0; i < n; i++) {
                struct nsutil_wait_thread thread;

                if (strncmp(threads[i].name, "iou-", 4) != 0)
                        continue;
                met++;
                cr_assert_eq(nsutil_wait_open(pid, threads[i].tid, &thread), 0);
                said_wait_until_asleep(&thread);
                cr_expect_eq(said_count_unknown(&thread, NSUTIL_WAIT_UNKNOWN, threads[i].name), SAID_READINGS);
                expect_foreign(&thread);
                nsutil_wait_close(&thread);
        }
        free(threads);
        child_end(pid);
        require(met > 0, "a thread of io_uring's");
}

#ifdef __x86_64__
/* A 32-bit program: nanosleep(at esp), which is 162 there. On x86-64 that is sync(). */
static const uint8_t sleeper[] = {
        0x68, 0x00, 0x00, 0x00, 0x00, /* push 0 */
        0x68, 0xa0, 0x86, 0x01, 0x00, /* push 100000 */
        0x89, 0xe3,                   /* mov ebx, esp */
        0x31, 0xc9,                   /* xor ecx, ecx */
        0xb8, 0xa2, 0x00, 0x00, 0x00, /* mov eax, 162 */
        0xcd, 0x80,                   /* int 0x80 */
        0xeb, 0xf5,                   /* again, without pushing */
};

static void write_program(const char *dir)
{
        struct {
                Elf32_Ehdr head;
                Elf32_Phdr segment;
                uint8_t code[sizeof sleeper];
        } file = { .head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
                             .e_type = ET_EXEC,
                             .e_machine = EM_386,
                             .e_version = EV_CURRENT,
                             .e_phoff = sizeof(Elf32_Ehdr),
                             .e_ehsize = sizeof(Elf32_Ehdr),
                             .e_phentsize = sizeof(Elf32_Phdr),
                             .e_phnum = 1 },
                   .segment = { .p_type = PT_LOAD, .p_vaddr = 0x8048000, .p_flags = PF_R | PF_X, .p_align = 4096 } };

        file.head.e_entry = 0x8048000 + (Elf32_Addr)((char *)file.code - (char *)&file);
        file.segment.p_filesz = file.segment.p_memsz = sizeof file;
        memcpy(file.code, sleeper, sizeof sleeper);
        temp_write(dir, "sleeper", &file, sizeof file);
}

Test(nsutil_wait_foreign, calls_of_32_bit_programs_are_not_mistaken)
{
        struct nsutil_wait_thread thread;
        char dir[64], path[128];

        temp_make(dir, sizeof dir);
        write_program(dir);
        snprintf(path, sizeof path, "%s/sleeper", dir);
        pid_t pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                execl(path, path, NULL);
                _exit(1);
        }
        usleep(50000);
        int r = waitpid(pid, NULL, WNOHANG);
        temp_remove(dir);
        require(r == 0, "a kernel that runs 32-bit programs");
        cr_assert_eq(nsutil_wait_open(pid, pid, &thread), 0);
        char name[32];
        for (int i = 0; i < 10000 && (nsutil_exe(pid, name, sizeof name) || !strstr(name, "podflame")); i++)
                usleep(1000);
        said_wait_until_asleep(&thread);
        cr_expect_eq(said_count_unknown(&thread, NSUTIL_WAIT_UNKNOWN, "32 bits"), SAID_READINGS);
        expect_foreign(&thread);
        close(thread.channel); /* wchan would contradict the call */
        thread.channel = -1;
        cr_expect_eq(said_count_unknown(&thread, NSUTIL_WAIT_UNKNOWN, "32 bits"), SAID_READINGS);
        nsutil_wait_close(&thread);
        child_end(pid);
}
#endif

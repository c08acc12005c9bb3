/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/find/identity/claims.h"
#include "agent/find/internal.h"
#include "tests/unit/find_attributes.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct find_ops none;
static struct find *find;

static void set_up(void)
{
        cr_assert_eq(find_open_with(NULL, &none, &find), 0);
}

static void tear_down(void)
{
        find_close(find);
        abort_on_leaks();
}

TestSuite(find_identify, .init = set_up, .fini = tear_down, .timeout = 60);

static bool is_sleep(pid_t pid)
{
        struct nsutil_stat stat;

        return nsutil_stat_read(pid, &stat) == 0 && stat.start_stack != 0 && !strcmp(stat.comm, "sleep");
}

Test(find_identify, identity)
{
        struct find_process process;
        struct nsutil_stat stat;

        cr_assert_eq(find_identify(find, getpid(), &process), 0);
        cr_assert_eq(nsutil_stat_read(getpid(), &stat), 0);
        cr_expect_eq(process.pid, getpid());
        cr_expect_eq(process.start_time, stat.start_time);
        cr_expect_str_eq(find_basename(process.exe), "find");
        if (!process.container_id[0])
                cr_expect_str_eq(process.service, "find");
        process.pid = -7;
        cr_expect_eq(find_identify(find, gone_pid(), &process), NSUTIL_E_GONE);
        cr_expect_eq(process.pid, -7);
}

Test(find_identify, a_service_by_its_own_word)
{
        struct find_process process;
        static const char *const variables[] = { "A=b", "OTEL_SERVICE_NAME=shop\033[31m", NULL };
        pid_t pid = fork();

        if (pid == 0) {
                execle("/bin/sleep", "sleep", "60", (char *)NULL, variables);
                _exit(1);
        }
        for (int i = 0; i < 1000 && !is_sleep(pid); i++)
                usleep(10000);
        cr_assert_eq(find_identify(find, pid, &process), 0);
        cr_expect_str_eq(process.service, "shop?[31m");
        cr_expect_str_eq(process.cmdline, "sleep 60");
        child_end(pid);
}

/* Programs that set their title write over their arguments: proc(5), fields 48 and 49 of stat. */
static void set_title(void)
{
        char text[4096] = "";
        unsigned long begin = 0, end = 0;
        FILE *file = fopen("/proc/self/stat", "r");

        if (!file || fread(text, 1, sizeof(text) - 1, file) == 0)
                _exit(1);
        const char *at = strrchr(text, ')');
        for (int field = 2; at && field < 48; field++)
                at = strchr(at + 1, ' ');
        if (!at || sscanf(at, "%lu %lu", &begin, &end) != 2)
                _exit(1);
        memset((char *)begin, 'x', end - begin - 1);
        fclose(file);
}

/* A process that is a copy of this one, and sets its title. It executes sleep once a byte is written to @ret_go. */
static pid_t start_titled(int *ret_go)
{
        int titled[2], go[2];
        char c;

        cr_assert(pipe(titled) == 0 && pipe(go) == 0);
        pid_t pid = fork();
        if (pid == 0) {
                set_title();
                close(go[1]);
                if (write(titled[1], "", 1) == 1 && read(go[0], &c, 1) == 1)
                        execl("/bin/sleep", "sleep", "60", (char *)NULL);
                _exit(1);
        }
        cr_assert_eq(read(titled[0], &c, 1), 1);
        close(titled[0]);
        close(titled[1]);
        close(go[0]);
        *ret_go = go[1];
        return pid;
}

static struct find_entry *add_known(pid_t pid)
{
        struct find_entry *entry = calloc(1, sizeof(*entry));
        struct nsutil_stat stat;

        cr_assert(entry && nsutil_stat_read(pid, &stat) == 0);
        *entry = (struct find_entry){ .pid = pid, .pidfd = -1, .start_time = stat.start_time };
        cr_assert_eq(find_known_add(find, entry), 0);
        return entry;
}

/* What was known of this process holds for its copy, until that executes another program. */
Test(find_identify, a_title_does_not_change_what_a_process_said_first)
{
        struct find_process own, process;
        int go;

        add_known(getpid());
        cr_assert_eq(find_identify(find, getpid(), &own), 0);
        pid_t pid = start_titled(&go);
        struct find_entry *entry = add_known(pid);
        for (int i = 0; i < 2; i++) {
                cr_assert_eq(find_identify(find, pid, &process), 0);
                cr_expect_str_eq(process.cmdline, own.cmdline);
                cr_expect_str_eq(process.program, own.program);
                cr_expect_str_eq(process.service, own.service);
                if (i == 0)
                        find_known_remove(find, find_known_get(find, getpid())); /* it has its own by now */
        }
        find_claims_forget(entry);
        cr_assert_eq(find_identify(find, pid, &process), 0);
        cr_expect_eq(process.cmdline[0], 'x', "nobody knows better: %s", process.cmdline);
        cr_assert_eq(write(go, "", 1), 1);
        for (int i = 0; i < 1000 && !is_sleep(pid); i++)
                usleep(10000);
        cr_assert_eq(find_identify(find, pid, &process), 0);
        cr_expect_str_eq(process.cmdline, "sleep 60");
        close(go);
        child_end(pid);
}

Test(find_identify, claims_are_kept_whole)
{
        struct find_process said = { .pid = getpid(), .cmdline = "a b", .program = "b", .service = "shop" },
                            again = { 0 };
        struct nsutil_stat stat;

        find_resource_parse("x=1,y=2", 7, &said);
        cr_assert_eq(nsutil_stat_read(getpid(), &stat), 0);
        cr_expect_not(find_claims_get(find, &stat, &again), "of a process that is not known");
        find_claims_keep(find, &stat, &said);
        add_known(getpid());
        cr_expect_not(find_claims_get(find, &stat, &again));
        find_claims_keep(find, &stat, &said);
        cr_assert(find_claims_get(find, &stat, &again));
        cr_expect_str_eq(again.cmdline, "a b");
        cr_expect_str_eq(again.program, "b");
        cr_expect_str_eq(again.service, "shop");
        cr_expect_str_eq(attributes_list(&again), "x=1;y=2;");
        stat.start_stack++;
        cr_expect_not(find_claims_get(find, &stat, &again), "another program");
}

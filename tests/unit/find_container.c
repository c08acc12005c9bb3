/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/find/internal.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* A Docker root, and containers of which nothing is real but Docker's mount on /etc/hosts. */
static char root[64], containers[PATH_MAX];

static void set_up(void)
{
        temp_make(root, sizeof(root));
        snprintf(containers, sizeof(containers), "%s/containers", root);
        cr_assert_eq(mkdir(containers, 0755), 0);
}

static void tear_down(void)
{
        temp_remove(containers);
        temp_remove(root);
        abort_on_leaks();
}

TestSuite(find_container, .init = set_up, .fini = tear_down, .timeout = 60);

#define REST "000000000000000000000000000000000000000000000000000000000000"
#define WEB "abc1" REST
#define DB "abc2" REST

static int mount_hosts(void *ctx)
{
        return unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
               mount(ctx, "/etc/hosts", NULL, MS_BIND, NULL);
}

static void dir_of(const char *id, char ret[static PATH_MAX])
{
        cr_assert_lt(snprintf(ret, PATH_MAX, "%s/containers/%s", root, id), PATH_MAX);
}

static pid_t start(const char *id, const char *config)
{
        char dir[PATH_MAX], hosts[PATH_MAX + 8];

        dir_of(id, dir);
        snprintf(hosts, sizeof(hosts), "%s/hosts", dir);
        if (mkdir(dir, 0755) == 0) {
                temp_write(dir, "config.v2.json", config, strlen(config));
                temp_write(dir, "hosts", "", 0);
        }
        pid_t pid = child_start(mount_hosts, hosts);
        cr_assert_gt(pid, 0);
        return pid;
}

static void require_hidden_cgroup(void)
{
        struct nsutil_place place;
        char *text;
        size_t len;

        require_root();
        cr_assert_eq(nsutil_read_proc(getpid(), "cgroup", 65536, &text, &len), 0);
        bool hidden = strstr(text, "0::/\n") != NULL;
        free(text);
        require(hidden, "needs a hidden cgroup");
        require(nsutil_place(getpid(), &place) == NSUTIL_E_NOT_FOUND, "must not run in a container");
}

struct answer {
        pid_t *pids;
        struct find_candidate *candidates;
        size_t n_pids, n_candidates;
};

static int ask(struct find *find, const char *name, struct answer *ret)
{
        free(ret->pids);
        free(ret->candidates);
        *ret = (struct answer){ 0 };
        return find_container(find, name, &ret->pids, &ret->n_pids, &ret->candidates, &ret->n_candidates);
}

static void end_container(const char *id)
{
        char dir[PATH_MAX];

        dir_of(id, dir);
        temp_remove(dir);
}

Test(find_container, by_name_and_id)
{
        static const struct find_ops none = { 0 };
        struct find_config config = { .docker_root = root };
        struct answer answer = { 0 };
        struct find_process process;
        struct find *find;

        require_hidden_cgroup();
        cr_assert_eq(find_open_with(&config, &none, &find), 0);
        pid_t first = start(WEB, "{\"Name\":\"/pf-web\",\"Config\":{\"Image\":\"shop\"}}");
        pid_t second = start(WEB, NULL), db = start(DB, "{\"Name\":\"/pf-db\"}");

        cr_assert_eq(ask(find, "pf-web", &answer), 0);
        cr_assert_eq(answer.n_pids, 2);
        cr_expect_eq(answer.pids[0], first < second ? first : second);
        cr_expect_eq(answer.pids[1], first < second ? second : first);
        cr_assert_eq(ask(find, DB, &answer), 0);
        cr_assert_eq(answer.n_pids, 1);
        cr_expect_eq(answer.pids[0], db);
        cr_assert_eq(ask(find, "abc2", &answer), 0);
        cr_expect_eq(answer.pids[0], db);

        cr_assert_eq(ask(find, "abc", &answer), FIND_E_AMBIGUOUS);
        cr_expect_eq(answer.n_candidates, 2);
        cr_expect_null(answer.pids);
        cr_assert_eq(ask(find, "absent", &answer), FIND_E_UNKNOWN);
        cr_expect_geq(answer.n_candidates, 2);

        cr_assert_eq(find_identify(find, first, &process), 0);
        cr_expect_str_eq(process.container_id, WEB);
        cr_expect_str_eq(process.container_name, "pf-web");
        cr_expect_str_eq(process.image, "shop");
        cr_expect_str_eq(process.service, "pf-web");

        child_end(db);
        cr_expect_eq(ask(find, "pf-db", &answer), FIND_E_UNKNOWN, "nobody is in it any more");
        child_end(first);
        child_end(second);
        free(answer.pids);
        free(answer.candidates);
        find_close(find);
        end_container(WEB);
        end_container(DB);
}

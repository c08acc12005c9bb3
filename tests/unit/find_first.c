/* SPDX-License-Identifier: Apache-2.0 */
/* Whose cgroup is only called like a container: real cgroups, and the notes of all runtimes. */
#include "agent/find/internal.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/suite.h"

#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID "b4d6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"

/* One folder stands for all of the host's. */
static char root[64];
static struct find find;

#define TOP_SIZE (NSUTIL_CGROUP_PATH_SIZE + 64)
#define CGROUP_SIZE (TOP_SIZE + 128)
static char top[TOP_SIZE]; /* a cgroup of ours */
static pid_t first, member, impostor, stranger;

static const char *const below[] = { "", "/docker", "/docker/" ID, "/docker/" ID "/work", "/other", "/other/" ID };
#define N_BELOW (sizeof(below) / sizeof(*below))

static void cgroup_path(size_t i, char ret[static CGROUP_SIZE])
{
        snprintf(ret, CGROUP_SIZE, "%s%s", top, below[i]);
}

static pid_t start_in(size_t i)
{
        char path[CGROUP_SIZE], file[CGROUP_SIZE + 16];
        pid_t pid = child_start(child_idle, NULL);

        cgroup_path(i, path);
        snprintf(file, sizeof(file), "%s/cgroup.procs", path);
        FILE *procs = fopen(file, "we");
        cr_assert_not_null(procs, "%s", file);
        fprintf(procs, "%d", pid);
        cr_assert_eq(fclose(procs), 0, "%s", file);
        return pid;
}

static void set_up(void)
{
        struct nsutil_freezers freezers;
        char path[CGROUP_SIZE];

        require_root();
        require(nsutil_freezers_find(&freezers) == 0 && freezers.n > 0, "needs a hierarchy of cgroups");
        temp_make(root, sizeof(root));
        find = (struct find){ .roots = { .docker = root, .podman = root, .log = root, .run = root },
                              .sees_host_pids = true };
        snprintf(top, sizeof(top), "%s/podflame-test-%d", freezers.items[0].point, getpid());
        for (size_t i = 0; i < N_BELOW; i++) {
                cgroup_path(i, path);
                require(mkdir(path, 0755) == 0, "needs to make cgroups");
        }
        first = start_in(2);
        member = start_in(3);
        impostor = start_in(5);
        stranger = start_in(0);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
        (void)st, (void)kind, (void)ftw;
        return remove(path);
}

static void empty_root(void)
{
        cr_expect_eq(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void tear_down(void)
{
        const pid_t all[] = { first, member, impostor, stranger };
        char path[CGROUP_SIZE];

        for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
                child_end(all[i]);
        for (size_t i = N_BELOW; i-- > 0;) {
                cgroup_path(i, path);
                for (int tries = 0; rmdir(path) && tries < 1000; tries++)
                        usleep(10000); /* a process that has ended may be in it for a moment yet */
        }
        mkdir(root, 0755);
        empty_root();
        abort_on_leaks();
}

TestSuite(find_first, .init = set_up, .fini = tear_down, .timeout = 60);

static void put(const char *path, const char *format, pid_t pid)
{
        char full[PATH_MAX];

        mkdir(root, 0755);
        snprintf(full, sizeof(full), "%s/%s", root, path);
        for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
                *slash = '\0';
                mkdir(full, 0755);
        }
        FILE *file = fopen(full, "we");
        cr_assert_not_null(file, "%s", full);
        for (; *format; format++)
                if (*format == '#')
                        fprintf(file, "%d", pid);
                else
                        fputc(*format, file);
        fclose(file);
}

static bool is_believed(pid_t pid)
{
        char claimed[NSUTIL_CONTAINER_ID_SIZE];
        struct nsutil_place place;
        int r = find_place_of(&find, pid, &place, claimed);

        cr_expect_eq(r, place.container_id[0] ? 0 : NSUTIL_E_NOT_FOUND);
        cr_expect_str_eq(place.container_id[0] ? place.container_id : claimed, ID);
        cr_expect_str_eq(place.container_id[0] ? claimed : place.container_id, "");
        return place.container_id[0];
}

#define V2 "io.containerd.runtime.v2.task/"

static const struct {
        const char *path, *text;
} notes[] = {
        { "containerd/" V2 "k8s.io/" ID "/init.pid", "#" },
        { "containerd/" V2 "moby/" ID "/init.pid", "#" },
        { "containerd/" V2 "default/" ID "/init.pid", "#\n" },
        { "k3s/containerd/" V2 "k8s.io/" ID "/init.pid", "#" },
        { "docker/containerd/daemon/" V2 "moby/" ID "/init.pid", "#" },
        { "containers/storage/overlay-containers/" ID "/userdata/pidfile", "#" },
        { "containers/storage/vfs-containers/" ID "/userdata/pidfile", "#" },
        { "containers/" ID "/config.v2.json", "{\"State\":{\"Running\":true,\"Pid\":#},\"Name\":\"/web\"}" },
        { "crun/" ID "/status", "{\"pid\":#,\"process-start-time\":7}" },
        { "runc/" ID "/state.json", "{\"id\":\"" ID "\",\"init_process_pid\":#,\"init_process_start\":7}" },
};

Test(find_first, every_runtime_tells_where_its_container_is)
{
        for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++) {
                put(notes[i].path, notes[i].text, first);
                cr_expect(is_believed(first), "%s", notes[i].path);
                cr_expect(is_believed(member), "%s", notes[i].path);
                cr_expect_not(is_believed(impostor), "%s", notes[i].path);
                empty_root();
                cr_expect(is_believed(impostor), "%s", notes[i].path);
        }
}

/* A container that is being made or has ended, a note that is out of date: nobody loses a name by them. */
Test(find_first, notes_that_tell_nothing)
{
        static const char *const texts[] = { "", "0", "-7", "x", "99999999999999999999", "{" };
        static const char *const configs[] = { "", "{", "{\"State\":{\"Pid\":0}}", "{\"State\":{\"Pid\":\"#\"}}",
                                               "{\"State\":7}" };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                put(notes[0].path, texts[i], first);
                cr_expect(is_believed(impostor) && is_believed(member), "%s", texts[i]);
        }
        for (size_t i = 0; i < sizeof(configs) / sizeof(*configs); i++) {
                put("containers/" ID "/config.v2.json", configs[i], first);
                cr_expect(is_believed(impostor) && is_believed(member), "%s", configs[i]);
        }
        put(notes[0].path, "#", gone_pid());
        cr_expect(is_believed(impostor) && is_believed(member));
        put(notes[0].path, "#", stranger);
        cr_expect(is_believed(impostor) && is_believed(member));
        put("containers/" ID "/config.v2.json", "{\"State\":{\"Pid\":#}}", first);
        cr_expect(is_believed(member));
        cr_expect_not(is_believed(impostor), "another runtime's note is not out of date");
}

Test(find_first, numbers_of_another_pid_namespace_mean_nothing)
{
        put(notes[0].path, "#", first);
        cr_expect_not(is_believed(impostor));
        find.sees_host_pids = false;
        cr_expect(is_believed(impostor));
}

Test(find_first, an_impostor_has_no_names_and_is_in_no_container)
{
        struct find_process process;

        put("containers/" ID "/config.v2.json",
            "{\"State\":{\"Pid\":#},\"Name\":\"/web\",\"Config\":{\"Image\":\"shop\"}}", first);
        cr_assert_eq(find_identify(&find, impostor, &process), 0);
        cr_expect_str_eq(process.container_name, "");
        cr_expect_str_eq(process.image, "");
        cr_expect_str_eq(process.container_id, "");
        cr_expect_str_eq(process.claimed_id, ID);
        cr_expect_str_neq(process.service, "web");
        cr_assert_eq(find_identify(&find, member, &process), 0);
        cr_expect_str_eq(process.container_name, "web");
        cr_expect_str_eq(process.claimed_id, "");
        find_links_free(find.links);
}

Test(find_first, a_container_by_its_name_is_without_its_impostors)
{
        struct find_candidate *candidates = NULL;
        size_t n, n_candidates;
        pid_t *pids;

        put("containers/" ID "/config.v2.json", "{\"State\":{\"Pid\":#},\"Name\":\"/podflame-web\"}", first);
        cr_assert_eq(find_container(&find, "podflame-web", &pids, &n, &candidates, &n_candidates), 0);
        cr_assert_eq(n, 2);
        cr_expect(pids[0] != impostor && pids[1] != impostor);
        free(pids);
        free(candidates);
        find_links_free(find.links);
}

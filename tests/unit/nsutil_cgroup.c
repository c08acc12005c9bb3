/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(nsutil_cgroup);

#define A "aad6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"
#define B "b4d6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"
#define C "c5d6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"

static struct nsutil_place place_of(const char *text, const char *own)
{
        struct nsutil_place place;

        nsutil_cgroup_place(guard_copy(text, strlen(text)), strlen(text), guard_copy(own, strlen(own)), strlen(own),
                            &place);
        return place;
}

/* "-": none. */
static void expect(const char *text, const char *expected)
{
        cr_expect_str_eq(place_of(text, "").container_id, strcmp(expected, "-") ? expected : "", "%s", text);
}

Test(nsutil_cgroup, every_known_shape_gives_its_id)
{
        FILE *file = fopen("tests/fixtures/cgroup-shapes.txt", "re");
        char line[2048];
        int n = 0;

        cr_assert_not_null(file);
        while (fgets(line, sizeof(line), file)) {
                if (line[0] == '#')
                        continue;
                line[strcspn(line, "\n")] = '\0';
                char *save, *name = strtok_r(line, "\t", &save);
                char *cgroup = strtok_r(NULL, "\t", &save);
                char *id = strtok_r(NULL, "\t", &save);
                cr_assert_not_null(id, "%s", name);
                expect(cgroup, id);
                n++;
        }
        fclose(file);
        cr_expect_eq(n, 28);
}

Test(nsutil_cgroup, more_shapes)
{
        static const struct {
                const char *text, *id;
        } cases[] = {
                /* cgroup v1: the first line that names a container */
                { "9:name=systemd:/\n4:memory:/docker/" B "\n0::/docker/" A "\n", B },
                { "1:name=systemd:/\n0::/docker/" B, B },
                { "0::/docker/" A "/docker/" B "\n", A },
                /* a container whose cgroup has been removed */
                { "0::/docker/" B " (deleted)\n", B },
                /* pods and monitors are no containers */
                { "0::/machine.slice/machine-libpod_pod_" A ".slice\n", "-" },
                { "0::/machine.slice/libpod-conmon-" B ".scope\n", "-" },
                { "0::/kubepods.slice/kubepods-pod1.slice/crio-conmon-" B ".scope\n", "-" },
                { "0::/libpod_parent/" A "/libpod-" B "\n", B },
                { "0::/libpod_parent/" A "/conmon\n", "-" },
                { "0::/lxc.monitor.web1\n", "-" },
                { "0::/system.slice/docker-" A ".scope/kubelet/crio-conmon-" B ".scope\n", A },
                /* LXC of all ages; a name is checked */
                { "4:memory:/lxc/web-2\n", "web-2" },
                { "4:memory:/lxc.payload/web_3/init.scope\n", "web_3" },
                { "0::/lxc.payload.web1/docker/" B "\n", "web1" },
                { "0::/lxc.payload.we\033b\n", "-" },
                { "0::/lxc.payload.\n", "-" },
                /* nearly an id */
                { "0::/docker/" B "0\n", "-" },
                { "0::/docker/" B "-1\n", "-" },
                { "0::/app-" B ".scope\n", "-" },
                { "0::/docker-" B ".slice\n", "-" },
                { "0::/34dc0b5e626f2c5c4c5170e34b10e765\n", "-" },
                { "0::/34dc0b5e626f2c5c4c5170e34b10e765-\n", "-" },
                { "0::/34dc0b5e626f2c5c4c5170e34b10e765-99999999999999999999999\n", "-" },
                /* podman below a systemd service */
                { "0::/system.slice/web.service/libpod-payload-" B "\n", B },
                /* not lines of the kernel */
                { "", "-" },
                { "\n\n:\n::\n0:\n", "-" },
                { "0::" B, "-" },
                { B, "-" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                expect(cases[i].text, cases[i].id);
}

Test(nsutil_cgroup, a_long_lxc_name_is_not_cut)
{
        char text[256];

        snprintf(text, sizeof(text), "0::/lxc.payload.%0*d\n", NSUTIL_CONTAINER_ID_SIZE - 1, 0);
        cr_expect_eq(strlen(place_of(text, "").container_id), NSUTIL_CONTAINER_ID_SIZE - 1);
        snprintf(text, sizeof(text), "0::/lxc.payload.%0*d\n", NSUTIL_CONTAINER_ID_SIZE, 0);
        expect(text, "-");
}

/* However a line is cut or spoiled, what is found is an id that stands in it. */
Test(nsutil_cgroup, spoiled_lines_give_nothing_that_is_not_there)
{
        static const char line[] = "0::/docker-" A ".scope/kubepods/pod1:cri-containerd:" B "/lxc/x\n";
        char spoiled[sizeof(line)];
        unsigned found = 0;

        srand(1);
        for (int i = 0; i < 5000; i++) {
                size_t len = (size_t)rand() % sizeof(line);

                memcpy(spoiled, line, sizeof(line));
                for (int j = 0; j < 3; j++)
                        spoiled[(size_t)rand() % sizeof(line)] = "/:\n.-x"[rand() % 6];
                char *text = guard_copy(spoiled, len);
                struct nsutil_place place;
                nsutil_cgroup_place(text, len, "", 0, &place);
                found += place.container_id[0] != '\0';
                cr_assert_not_null(memmem(text, len, place.container_id, strlen(place.container_id)), "%s",
                                   place.container_id);
                if (i % 1000 == 999)
                        cr_expect_gt(found, 0u);
        }
}

#define POD "f6f2d169-f2ae-4afa-95ed-06ff2ed6b288"
#define POD_ "f6f2d169_f2ae_4afa_95ed_06ff2ed6b288"
#define HASH "34dc0b5e626f2c5c4c5170e34b10e765"

static void expect_pod(const char *text, const char *expected)
{
        cr_expect_str_eq(place_of(text, "").pod_uid, expected ? expected : "", "%s", text);
}

Test(nsutil_cgroup, pods)
{
        static const struct {
                const char *text, *uid;
        } cases[] = {
                { "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" POD_ ".slice/cri-containerd-" B
                  ".scope\n",
                  POD },
                { "0::/kubepods.slice/kubepods-pod" POD_ ".slice/crio-" B ".scope/container\n", POD },
                { "0::/kubepods/besteffort/pod" POD "/" B "\n", POD },
                { "0::/kubepods/pod" HASH "/" B, HASH },
                { "0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" POD_ ".slice/x", POD },
                { "1:cpu:/system.slice/containerd.service/kubepods-besteffort-pod" POD_ ".slice:cri-containerd:" B,
                  POD },
                { "9:name=systemd:/\n4:memory:/kubepods/pod" POD "/" B "\n", POD },
                { "0::/kubepods/pod" HASH "/" A "/kubepods/pod" POD "/" B, HASH },
                /* no pods */
                { "0::/machine.slice/machine-libpod_pod_" A ".slice/libpod-" B ".scope\n", NULL },
                { "0::/docker/" B "\n", NULL },
                { "0::/user.slice/app-pod" POD_ ".slice\n", NULL },
                { "0::/kubepods/pod" POD "0/" B, NULL },
                { "0::/kubepods/podf6f2d169-f2ae-4afa-95ed-06ff2ed6b28g/" B, NULL },
                { "0::/kubepods/podf6f2d169.f2ae.4afa.95ed.06ff2ed6b288/" B, NULL },
                { "0::/kubepods/pod" POD_ "_/" B, NULL },
                { "0::/kubepods/pod/" B, NULL },
                { "0::pod" POD, NULL },
                { "", NULL },
                { ":::/-pod/pod/.slice/kubepods-pod.slice", NULL },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                expect_pod(cases[i].text, cases[i].uid);
}

Test(nsutil_cgroup, a_pod_cut_anywhere)
{
        static const char line[] = "0::/kubepods.slice/kubepods-pod" POD_ ".slice:cri-containerd:" B "\n";

        for (size_t len = 0; len < sizeof(line) - 1; len++) {
                struct nsutil_place place;

                nsutil_cgroup_place(guard_copy(line, len), len, "", 0, &place);
                cr_expect(place.pod_uid[0] == '\0' || strcmp(place.pod_uid, POD) == 0);
        }
}

/* ---- whose part of the tree it is ------------------------------------------------ */

#define USER "/user.slice/user-1000.slice/user@1000.service"

Test(nsutil_cgroup, who_has_cgroups_of_his_own_is_no_other_container)
{
        static const struct {
                const char *text, *id, *pod;
        } rows[] = {
                { "0::" USER "/app.slice/docker-" B ".scope\n", B "@1000", "" },
                { "0::" USER "/app.slice/kubepods-pod" POD_ ".slice/cri-containerd-" B ".scope\n", B "@1000", "" },
                { "0::" USER "/kubepods/besteffort/pod" POD "/" B "\n", B "@1000", "" },
                { "0::" USER "/x.slice/a:cri-containerd:" B "\n", B "@1000", "" },
                { "0::" USER "/lxc.payload.web1\n", "web1@1000", "" },
                { "0::" USER "/system.slice/docker.service/docker/" B "\n", B "@1000", "" },
                { "0::/user.slice/user-7.slice/session-3.scope/docker-" B ".scope\n", B "@7", "" },
                { "0::/user.slice/docker-" B ".scope\n", B "@", "" },
                { "0::/user.slice/user-x.slice/docker-" B ".scope\n", B "@", "" },
                { "0::/../../user.slice/user-1000.slice/docker-" B ".scope\n", B "@1000", "" },
                { "0::" USER "/libpod-" A ".scope/libpod-" B ".scope\n", A "@1000", "" },
                { "0::" USER "/user.slice/user-0.slice/docker-" B ".scope\n", B "@0", "" },
                /* one hierarchy is the user's, others are not */
                { "1:name=systemd:" USER "/docker-" B ".scope\n4:memory:/docker/" A "\n", A, "" },
                { "1:name=systemd:" USER "/docker-" B ".scope\n4:memory:/user.slice\n", B "@1000", "" },
                /* a service with a cgroup of its own */
                { "0::/system.slice/shop.service/docker-" B ".scope\n", "", "" },
                { "0::/system.slice/shop.service/kubepods/pod" POD "/" B "\n", "", "" },
                { "0::/system.slice/containerd.service/" B "\n", B, "" },
                /* a container with a cgroup of its own */
                { "0::/system.slice/docker-" A ".scope/docker-" B ".scope\n", A, "" },
                { "0::/docker/" A "/user.slice/user-1000.slice/docker-" B ".scope\n", A, "" },
                { "0::/kubepods/pod" POD "/" A "/kubepods/pod" HASH "/" B "\n", A, POD },
                { "0::/kubepods/pod" POD "/" A "/pod" HASH "\n", A, POD },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct nsutil_place place = place_of(rows[i].text, "");

                cr_expect_str_eq(place.container_id, rows[i].id, "%s", rows[i].text);
                cr_expect_str_eq(place.pod_uid, rows[i].pod, "%s", rows[i].text);
        }
}

/* A node of kind is a container; on it, what counts is which pod a process is in. */
Test(nsutil_cgroup, a_reader_in_a_container_looks_on_from_there)
{
        static const char own[] = "3:cpu:/x\n0::/docker/" A "/kubepods/pod" HASH "/" A "\n";
        static const struct {
                const char *text, *own, *id, *pod;
        } rows[] = {
                { "0::/docker/" A "/kubepods/pod" POD "/" B "\n", own, B, POD },
                { "0::/docker/" A "/kubepods/pod" HASH "/" B "\n", own, B, HASH },
                { "0::/docker/" A "/kubepods/pod" HASH "/" A "\n", own, A, HASH },
                { "0::/docker/" A "/kubelet\n", own, A, "" },
                { "0::/docker/" B "/kubepods/pod" POD "/" A "\n", own, B, "" },
                { "0::/docker/" A "/docker/" B "\n", "0::/docker/" A "\n", B, "" },
                { "0::/docker/" A "/docker/" B "/docker/" A "\n", "0::/docker/" A "\n", B, "" },
                { "1:name=systemd:/docker/" A "/docker/" B "\n", own, A, "" },
                { "0::/\n", own, "", "" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct nsutil_place place = place_of(rows[i].text, rows[i].own);

                cr_expect_str_eq(place.container_id, rows[i].id, "row %zu", i);
                cr_expect_str_eq(place.pod_uid, rows[i].pod, "row %zu", i);
        }
}

/* docker run --pid=container:NODE: podflame's container is not the node's, but the first process that it sees is. */
Test(nsutil_cgroup, the_first_process_that_is_seen_shows_which_container_is_the_node)
{
        static const char docker[] = "1:cpu:/\n0::/docker/" B "\n0::/docker/" A "/init.scope\n";
        static const char hidden[] = "0::/\n0::/../docker-" A ".scope/init.scope\n";
        static const char rootless[] = "0::/\n0::/user.slice/user-1000.slice/user@1000.service/libpod-" A ".scope/x\n";
        static const struct {
                const char *text, *own, *id, *pod;
        } rows[] = {
                { "0::/docker/" A "/kubepods/pod" POD "/" C "\n", docker, C, POD },
                { "0::/docker/" A "/kubelet\n", docker, A, "" },
                { "0::/docker/" B "\n", docker, B, "" },
                { "0::/../docker-" A ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" POD
                  ".slice/cri-containerd-" C ".scope\n",
                  hidden, C, POD },
                { "0::/../docker-" B ".scope/x/cri-containerd-" C ".scope\n", hidden, B, "" },
                /* The node is a user's container: what it has inside is the node's all the same. */
                { "0::/user.slice/user-1000.slice/user@1000.service/libpod-" A ".scope/kubepods/pod" POD "/" C "\n",
                  rootless, C, POD },
                { "0::/user.slice/user-1000.slice/user@1000.service/libpod-" A ".scope/y\n", rootless, A "@1000", "" },
                { "0::/user.slice/user-1000.slice/user@1000.service/libpod-" B ".scope/y\n", rootless, B "@1000", "" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct nsutil_place place = place_of(rows[i].text, rows[i].own);

                cr_expect_str_eq(place.container_id, rows[i].id, "row %zu", i);
                cr_expect_str_eq(place.pod_uid, rows[i].pod, "row %zu", i);
        }
}

static bool is_in_the_same(const char *text, const char *of_first, const char *own)
{
        return nsutil_cgroup_agrees(guard_copy(text, strlen(text)), strlen(text),
                                    guard_copy(of_first, strlen(of_first)), strlen(of_first),
                                    guard_copy(own, strlen(own)), strlen(own), A);
}

Test(nsutil_cgroup, the_first_process_of_a_container_shows_where_it_is)
{
        static const struct {
                const char *text, *of_first;
                bool agrees;
        } cases[] = {
                { "0::/system.slice/docker-" A ".scope\n", "0::/system.slice/docker-" A ".scope\n", true },
                { "0::/docker/" A "/work\n", "0::/docker/" A "\n", true },
                /* the first process itself has gone deeper, as systemd does in a container */
                { "0::/docker/" A "/system.slice/web.service\n", "0::/docker/" A "/init.scope\n", true },
                { "0::/libpod_parent/libpod-" A "/container\n", "0::/libpod_parent/libpod-" A "/container\n", true },
                { "0::/docker/" A " (deleted)\n", "0::/docker/" A "\n", true },
                /* seen from another cgroup namespace */
                { "0::/../docker-" A ".scope\n", "0::/../docker-" A ".scope/x\n", true },
                /* elsewhere */
                { "0::/docker/" A "\n", "0::/system.slice/docker-" A ".scope\n", false },
                { "0::/evil/docker/" A "\n", "0::/docker/" A "\n", false },
                { "0::/docker/" A "\n", "0::/docker/" A "0\n", false },
                { "0::/docker/" A "\n", "0::/docker\n", false },
                { "0::/docker/" A "\n", "0::/\n", false },
                { "0::/docker/" A "\n", "", false },
                { "", "0::/docker/" A "\n", false },
                { "0::/docker/" B "\n", "0::/docker/" B "\n", false },
                /* version 1: hierarchies are compared with themselves, and one is enough */
                { "5:freezer:/docker/" A "\n4:pids:/\n", "5:freezer:/docker/" A "\n4:pids:/docker/" A "\n", true },
                { "5:freezer:/x/" A "\n4:pids:/docker/" A "\n", "5:freezer:/\n4:pids:/docker/" A "\n", true },
                { "5:freezer:/\n4:pids:/docker/" A "\n", "5:freezer:/docker/" A "\n4:pids:/\n", false },
                { "5:freezer:/x/docker-" A "\n4:pids:/\n", "5:freezer:/docker/" A "\n4:pids:/docker/" A "\n", false },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                cr_expect_eq(is_in_the_same(cases[i].text, cases[i].of_first, ""), cases[i].agrees, "row %zu", i);
        cr_expect(is_in_the_same("0::/docker/" B "/docker/" A "\n", "0::/docker/" B "/docker/" A "\n",
                                 "0::/docker/" B "\n"));
}

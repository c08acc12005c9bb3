/* SPDX-License-Identifier: Apache-2.0 */
/* Names from the files of every runtime but Docker, which has tests of its own. */
#include "agent/find/internal.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID "b4d6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"
#define OTHER "aad6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"
#define POD "f6f2d169-f2ae-4afa-95ed-06ff2ed6b288"
#define OTHER_POD "00f2d169-f2ae-4afa-95ed-06ff2ed6b288"

/* One folder stands for all of the host's. */
static char root[64];
static struct find find;

static void set_up(void)
{
        temp_make(root, sizeof(root));
        find = (struct find){ .roots = { .docker = root, .podman = root, .log = root, .run = root } };
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
        (void)st, (void)kind, (void)ftw;
        return remove(path);
}

static void tear_down(void)
{
        find_links_free(find.links);
        cr_expect_eq(nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
        abort_on_leaks();
}

TestSuite(find_names, .init = set_up, .fini = tear_down, .timeout = 60);

/* Writes @text to root/@path, making folders; NULL makes the last one a folder, too. */
static void put(const char *path, const char *text)
{
        char full[PATH_MAX];

        snprintf(full, sizeof(full), "%s/%s", root, path);
        for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
                *slash = '\0';
                mkdir(full, 0755);
        }
        FILE *file = text ? fopen(full, "we") : NULL;
        if (!text) {
                mkdir(full, 0755);
                return;
        }
        cr_assert_not_null(file);
        fputs(text, file);
        fclose(file);
}

static struct find_names ask(const char *id, const char *pod_uid)
{
        const struct find_place place = { .id = id, .pod_uid = pod_uid };
        struct find_names names;

        find_names_get(&find, &place, &names);
        return names;
}

Test(find_names, links)
{
        static const struct {
                const char *link, *pod, *pod_namespace, *container;
        } cases[] = {
                { "web-0_shop_app-" ID ".log", "web-0", "shop", "app" },
                { "a.b-c_kube-system_my-app-" ID ".log", "a.b-c", "kube-system", "my-app" },
                { "_shop_app-" ID ".log", NULL, NULL, NULL },
                { "web__app-" ID ".log", NULL, NULL, NULL },
                { "web_shop_-" ID ".log", NULL, NULL, NULL },
                { "web_shop-" ID ".log", NULL, NULL, NULL },
                { "web_shop_a_b-" ID ".log", NULL, NULL, NULL },
                { "we\033b_shop_app-" ID ".log", NULL, NULL, NULL },
                { "WEB_shop_app-" ID ".log", NULL, NULL, NULL },
                { "web_shop_app-0" ID ".log", NULL, NULL, NULL },
                { "web_shop_app-" ID, NULL, NULL, NULL },
                { "web_shop_app" ID ".log", NULL, NULL, NULL },
                { "-" ID ".log", NULL, NULL, NULL },
                { ".log", NULL, NULL, NULL },
                { "", NULL, NULL, NULL },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char id[NSUTIL_CONTAINER_ID_SIZE] = "untouched";
                struct find_names names = { 0 };
                size_t size = strlen(cases[i].link) + 1;
                bool found = find_link_parse(guard_copy(cases[i].link, size), id, &names);

                cr_expect_eq(found, cases[i].container != NULL, "%s", cases[i].link);
                cr_expect_str_eq(id, found ? ID : "untouched");
                if (!found)
                        continue;
                cr_expect_str_eq(names.pod, cases[i].pod);
                cr_expect_str_eq(names.pod_namespace, cases[i].pod_namespace);
                cr_expect_str_eq(names.k8s_container, cases[i].container);
        }
}

Test(find_names, a_link_with_names_too_long)
{
        char link[600], id[NSUTIL_CONTAINER_ID_SIZE];
        struct find_names names;

        snprintf(link, sizeof(link), "%0253d_%063d_%063d-" ID ".log", 0, 0, 0);
        cr_expect(find_link_parse(link, id, &names));
        snprintf(link, sizeof(link), "%0256d_a_b-" ID ".log", 0);
        cr_expect_not(find_link_parse(link, id, &names));
        snprintf(link, sizeof(link), "a_%064d_b-" ID ".log", 0);
        cr_expect_not(find_link_parse(link, id, &names));
        snprintf(link, sizeof(link), "a_b_%064d-" ID ".log", 0);
        cr_expect_not(find_link_parse(link, id, &names));
}

/* Links are read again for an unknown id, but not at once. */
Test(find_names, links_are_remembered)
{
        put("containers/web-0_shop_app-" ID ".log", "");
        put("containers/README", "");
        cr_expect_str_eq(ask(ID, "").pod, "web-0");
        put("containers/db-0_shop_db-" OTHER ".log", "");
        cr_expect_str_eq(ask(OTHER, "").pod, "");
        usleep(1100000);
        cr_expect_str_eq(ask(OTHER, "").pod, "db-0");
        struct find_names names = ask(ID, POD);
        cr_expect_str_eq(names.pod_namespace, "shop");
        cr_expect_str_eq(names.k8s_container, "app");
        cr_expect_str_eq(names.pod_uid, POD);
}

Test(find_names, folders_of_logs)
{
        put("pods/shop_web-0_" POD "/app", NULL);
        put("pods/shop_db-0_" OTHER_POD "/db", NULL);
        put("pods/shop_db-0_" OTHER_POD "/sidecar", NULL);
        put("pods/shop_x_y_" POD, NULL);
        put("pods/" POD, NULL);
        struct find_names names = ask(ID, POD);
        cr_expect_str_eq(names.pod, "web-0");
        cr_expect_str_eq(names.pod_namespace, "shop");
        cr_expect_str_eq(names.k8s_container, "app");
        names = ask(ID, OTHER_POD);
        cr_expect_str_eq(names.pod, "db-0");
        cr_expect_str_eq(names.k8s_container, "", "one of two");
        cr_expect_str_eq(ask(ID, "").pod, "");
        cr_expect_str_eq(ask(ID, "0-" POD).pod, "");
}

#define REST " rw,relatime - ext4 /dev/vda rw\n"
#define LOG "89 72 254:0 /var/lib/kubelet/pods/" POD "/containers/app/0f9a /dev/termination-log" REST
#define HOSTS "90 72 254:0 /var/lib/kubelet/pods/" POD "/etc-hosts /etc/hosts" REST

Test(find_names, mounts)
{
        static const struct {
                const char *text, *pod_uid, *uid, *container;
        } cases[] = {
                { LOG, "", POD, "app" },
                { HOSTS LOG, "", POD, "app" },
                { HOSTS, "", POD, "" },
                { "1 2 0:3 /pods/" POD "/containers/app/0f9a /dev/termination-log" REST, POD, POD, "app" },
                /* the first one counts, and none that contradicts the cgroup */
                { LOG "1 2 0:3 /pods/" OTHER_POD "/containers/evil/0 /x" REST, "", POD, "app" },
                { "1 2 0:3 /pods/" OTHER_POD "/containers/evil/0 /x" REST LOG, POD, POD, "app" },
                { "1 2 0:3 /pods/" OTHER_POD "/containers/evil/0 /x" REST, POD, "", "" },
                { HOSTS "1 2 0:3 /pods/" OTHER_POD "/containers/evil/0 /x" REST, "", POD, "" },
                /* a volume of the pod may hold a folder of any name */
                { "1 2 0:3 /var/lib/kubelet/pods/" POD "/volumes/v/pods/" OTHER_POD "/containers/evil/0 /x" REST, "",
                  "", "" },
                { "1 2 0:3 /pods/" POD "/containers/app /x" REST, "", "", "" },
                { "1 2 0:3 /pods/" POD "/containers//0 /x" REST, "", "", "" },
                { "1 2 0:3 /pods/" POD "0/containers/app/0 /x" REST, "", "", "" },
                { "1 2 0:3 /pods/../containers/app/0 /x" REST, "", "", "" },
                { "1 2 0:3 / /pods/" POD "/containers/app/0" REST, "", "", "" },
                { "\n \n1 2\n1 2 3 4", "", "", "" },
                { "", "", "", "" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                const struct find_place place = { .id = "", .pod_uid = cases[i].pod_uid };
                struct find_names names = { 0 };
                size_t len = strlen(cases[i].text);

                find_mount_parse(guard_copy(cases[i].text, len), len, &place, &names);
                cr_expect_str_eq(names.pod_uid, cases[i].uid, "%s", cases[i].text);
                cr_expect_str_eq(names.k8s_container, cases[i].container, "%s", cases[i].text);
        }
}

Test(find_names, mounts_cut_anywhere)
{
        static const char text[] = HOSTS LOG;

        for (size_t len = 0; len < sizeof(text) - 1; len++) {
                const struct find_place place = { .id = "", .pod_uid = "" };
                struct find_names names = { 0 };

                find_mount_parse(guard_copy(text, len), len, &place, &names);
                cr_expect(!names.pod_uid[0] || !strcmp(names.pod_uid, POD));
                cr_expect(!names.k8s_container[0] || !strcmp(names.k8s_container, "app"));
        }
}

#define LIST                                                                       \
        "[{\"id\":\"" OTHER "\",\"names\":[\"db\"]},"                              \
        "{\"id\":\"" ID "\",\"names\":[\"web\",\"x\"],\"image\":\"4bb46517cac3\"," \
        "\"metadata\":\"{\\\"image-name\\\":\\\"registry.example/shop:1\\\",\\\"name\\\":\\\"web\\\"}\"}]"

Test(find_names, podman)
{
        put("overlay-containers/containers.json", LIST);
        struct find_names names = ask(ID, "");
        cr_expect_str_eq(names.name, "web");
        cr_expect_str_eq(names.image, "registry.example/shop:1");
        names = ask(OTHER, "");
        cr_expect_str_eq(names.name, "db");
        cr_expect_str_eq(names.image, "");
}

Test(find_names, podman_with_another_storage_driver)
{
        put("vfs-containers/containers.json", LIST);
        struct find_names names = ask(ID, "");
        cr_expect_str_eq(names.name, "web");
        cr_expect_str_eq(names.image, "registry.example/shop:1");
}

Test(find_names, podman_run_rm)
{
        put("overlay-containers/containers.json", "[]");
        put("overlay-containers/volatile-containers.json", LIST);
        struct find_names names = ask(ID, "");
        cr_expect_str_eq(names.name, "web");
        cr_expect_str_eq(names.image, "registry.example/shop:1");
}

Test(find_names, the_sources_that_are_here_are_told)
{
        static const char *const here[] = { "containers", "vfs-containers",
                                            "k3s/containerd/io.containerd.runtime.v2.task" };
        struct find_source source;
        size_t n = 0;

        for (size_t i = 0; i < sizeof(here) / sizeof(*here); i++)
                put(here[i], NULL);
        for (size_t i = 0; find_source(&find, i, &source); i++) {
                if (source.error != 0) {
                        cr_expect_eq(source.error, -ENOENT);
                        continue;
                }
                cr_assert_lt(n, sizeof(here) / sizeof(*here));
                cr_expect_str_eq(source.path + strlen(root) + 1, here[n++]);
        }
        cr_expect_eq(n, sizeof(here) / sizeof(*here));
}

Test(find_names, podman_spoiled)
{
        static const char *const texts[] = {
                "",
                "[",
                "{\"id\":\"" ID "\"}",
                "[\"" ID "\"]",
                "[{\"id\":\"" ID "\"}]",
                "[{\"id\":\"" ID "\",\"names\":{},\"metadata\":\"{\"}]",
                "[{\"id\":\"" ID "\",\"names\":[7],\"metadata\":7}]",
                "[{\"id\":7,\"names\":[\"" ID "\"]}]",
        };
        static const struct find_place place = { .id = ID, .pod_uid = "" };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                struct find_names names = { 0 };

                find_podman_parse(guard_copy(texts[i], strlen(texts[i])), strlen(texts[i]), &place, &names);
                cr_expect_str_eq(names.name, "", "%s", texts[i]);
                cr_expect_str_eq(names.image, "", "%s", texts[i]);
        }
}

Test(find_names, bundles_of_containerd)
{
        put("containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/config.json",
            "{\"ociVersion\":\"1.0.2\",\"annotations\":{\"io.kubernetes.cri.sandbox-name\":\"web-0\","
            "\"io.kubernetes.cri.sandbox-namespace\":\"shop\",\"io.kubernetes.cri.sandbox-uid\":\"" POD "\","
            "\"io.kubernetes.cri.container-name\":\"a\\u001bpp\",\"io.kubernetes.cri.image-name\":\"shop:2\"}}");
        struct find_names names = ask(ID, "");
        cr_expect_str_eq(names.pod, "web-0");
        cr_expect_str_eq(names.pod_namespace, "shop");
        cr_expect_str_eq(names.pod_uid, POD);
        cr_expect_str_eq(names.k8s_container, "a?pp");
        cr_expect_str_eq(names.image, "shop:2");

        put("containerd/io.containerd.runtime.v2.task/default/" OTHER "/config.json",
            "{\"annotations\":{\"nerdctl/name\":\"web\",\"io.kubernetes.cri.sandbox-name\":\"forged\"}}");
        names = ask(OTHER, "");
        cr_expect_str_eq(names.name, "web");
        cr_expect_str_eq(names.pod, "");
}

Test(find_names, bundles_of_crio)
{
        put("containers/storage/overlay-containers/" ID "/userdata/config.json",
            "{\"annotations\":{\"io.kubernetes.pod.name\":\"web-0\",\"io.kubernetes.pod.namespace\":\"shop\","
            "\"io.kubernetes.pod.uid\":\"" POD "\",\"io.kubernetes.container.name\":\"app\","
            "\"io.kubernetes.cri-o.ImageName\":\"quay.io/shop:2\"}}");
        struct find_names names = ask(ID, POD);
        cr_expect_str_eq(names.pod, "web-0");
        cr_expect_str_eq(names.k8s_container, "app");
        cr_expect_str_eq(names.image, "quay.io/shop:2");
        cr_expect_str_eq(ask(ID, OTHER_POD).pod, "");
        cr_expect_str_eq(ask(ID, "").pod, "");
}

/* What the kubelet says goes before what a bundle says; the rest is added. */
Test(find_names, sources_complete_each_other)
{
        put("containers/web-0_shop_app-" ID ".log", "");
        put("containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/config.json",
            "{\"annotations\":{\"io.kubernetes.cri.sandbox-name\":\"other\",\"io.kubernetes.cri.image-name\":\"i\"}}");
        struct find_names names = ask(ID, "");
        cr_expect_str_eq(names.pod, "web-0");
        cr_expect_str_eq(names.image, "i");
        cr_expect_str_eq(ask("../" OTHER, "").pod, "");
}

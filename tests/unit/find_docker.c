/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/find/internal.h"
#include "tests/unit/nsutil_helper.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

SUITE(find_docker);

#define ID "b4d6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"
#define POD "f6f2d169-f2ae-4afa-95ed-06ff2ed6b288"

static bool parse(const char *text, struct find_names *ret)
{
        static const struct find_place place = { .id = ID, .pod_uid = "" };

        *ret = (struct find_names){ 0 };
        find_docker_parse(guard_copy(text, strlen(text)), strlen(text), &place, ret);
        return ret->name[0] || ret->image[0];
}

Test(find_docker, known_answers)
{
        static const struct {
                const char *text, *name, *image;
        } cases[] = {
                { "{\"Name\":\"/web\",\"Config\":{\"Image\":\"shop:1.2\"}}", "web", "shop:1.2" },
                { "{\"Config\":{\"Hostname\":\"x\",\"Image\":\"shop\"},\"Name\":\"web\"}", "web", "shop" },
                { "{\"Name\":\"/web\"}", "web", "" },
                { "{\"Name\":\"//web\"}", "/web", "" },
                { "{\"Config\":{\"Image\":\"i\"}}", "", "i" },
                { "{\"Name\":\"/we\\u0000b\\u001b[31m\"}", "we?b?[31m", "" },
                { "{\"Name\":7,\"Config\":{\"Image\":\"i\"}}", "", "i" },
                { "{\"Name\":\"/web\",\"Config\":[1]}", "web", "" },
                { "{\"Name\":\"/web\",\"Config\":null}", "web", "" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct find_names names;

                cr_expect(parse(cases[i].text, &names), "%s", cases[i].text);
                cr_expect_str_eq(names.name, cases[i].name);
                cr_expect_str_eq(names.image, cases[i].image);
        }
}

Test(find_docker, what_names_nothing)
{
        static const char *const texts[] = {
                "",
                "{",
                "{}",
                "[]",
                "null",
                "7",
                "\"Name\"",
                "{\"Name\":\"/web\"",
                "{\"Name\":\"/\"}",
                "{\"Name\":\"\"}",
                "{\"Name\":null}",
                "{\"name\":{}}",
                "\xff\xfe",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                struct find_names names;

                cr_expect_not(parse(texts[i], &names), "%s", texts[i]);
        }
}

Test(find_docker, depth_and_length_are_bounded)
{
        struct find_names names;
        size_t len = 500000;
        char *deep = malloc(len + 1), *name;

        memset(deep, '[', len);
        deep[len] = '\0';
        cr_expect_not(parse(deep, &names));
        free(deep);
        cr_assert_gt(asprintf(&name, "{\"Name\":\"/%0*d\"}", FIND_NAME_SIZE * 4, 0), 0);
        cr_expect(parse(name, &names));
        cr_expect_eq(strlen(names.name), FIND_NAME_SIZE - 1);
        free(name);
}

/* A Docker root with one container. */
static void make_root(char *root, size_t size, char *containers, char *container, const char *config)
{
        temp_make(root, size);
        snprintf(containers, PATH_MAX, "%s/containers", root);
        snprintf(container, PATH_MAX, "%s/containers/" ID, root);
        cr_assert_eq(mkdir(containers, 0755), 0);
        cr_assert_eq(mkdir(container, 0755), 0);
        temp_write(container, "config.v2.json", config, strlen(config));
}

Test(find_docker, files)
{
        char root[64], containers[PATH_MAX], container[PATH_MAX];
        struct find find = { .roots = { .docker = root, .podman = root, .log = root, .run = root } };
        struct find_place place = { .id = ID, .pod_uid = "" };
        struct find_names names;

        make_root(root, sizeof(root), containers, container, "{\"Name\":\"/web\",\"Config\":{\"Image\":\"shop\"}}");
        find_names_get(&find, &place, &names);
        cr_expect_str_eq(names.name, "web");
        cr_expect_str_eq(names.image, "shop");

        /* Only an id of Docker's becomes a path; this one would lead to the same file. */
        static const char *const others[] = { "../containers/" ID, "..", "", "web1", "B" ID };
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
                place.id = others[i];
                find_names_get(&find, &place, &names);
                cr_expect_str_eq(names.name, "", "%s", others[i]);
        }

        place.id = ID;
        temp_remove(container);
        find_names_get(&find, &place, &names);
        cr_expect_str_eq(names.name, "");
        temp_remove(containers);
        temp_remove(root);
        find_links_free(find.links);
}

/* Labels may come from the image: they count only in the pod that they speak of. */
Test(find_docker, labels_of_a_pod)
{
        static const char text[] = "{\"Name\":\"/k8s_web\",\"Config\":{\"Image\":\"shop\",\"Labels\":{"
                                   "\"io.kubernetes.pod.name\":\"web-0\",\"io.kubernetes.pod.namespace\":\"shop\","
                                   "\"io.kubernetes.container.name\":\"web\",\"app\":\"by-the-image\","
                                   "\"io.kubernetes.pod.uid\":\"" POD "\"}}}";
        static const struct {
                const char *uid, *pod;
        } cases[] = { { POD, "web-0" }, { "", "" }, { "f6f2d169-0000-4afa-95ed-06ff2ed6b288", "" } };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct find_place place = { .id = ID, .pod_uid = cases[i].uid };
                struct find_names names = { 0 };

                find_docker_parse(text, sizeof(text) - 1, &place, &names);
                cr_expect_str_eq(names.name, "k8s_web");
                cr_expect_str_eq(names.pod, cases[i].pod);
                cr_expect_str_eq(names.pod_namespace, cases[i].pod[0] ? "shop" : "");
                cr_expect_str_eq(names.k8s_container, cases[i].pod[0] ? "web" : "");
                /* They are not the pod's own, which the kubelet is still to be asked for. */
                cr_expect_eq(names.has_labels, !cases[i].uid[0]);
                cr_expect_eq(names.labels[0] != '\0', !cases[i].uid[0]);
        }
}

/* Labels are kept as a row of texts; @expected has '|' for each NUL. */
static void expect_labels(const char *labels, const char *expected)
{
        char text[2048], row[FIND_LABELS_SIZE + 1] = "";
        struct find_names names;
        size_t n = 0;

        snprintf(text, sizeof(text), "{\"Name\":\"/web\",\"Config\":{\"Labels\":%s}}", labels);
        cr_assert(parse(text, &names));
        cr_expect(names.has_labels);
        for (size_t i = 0; names.labels[i] || names.labels[i + 1]; i++)
                row[n++] = names.labels[i] ? names.labels[i] : '|';
        cr_expect_str_eq(row, expected, "%s", labels);
}

Test(find_docker, labels)
{
        expect_labels("{\"app\":\"web\",\"a/b\":\"x=y,z\",\"empty\":\"\"}", "app=web|a/b=x=y,z|empty=");
        expect_labels("{\"n\":7,\"app\":\"we\\u0000b\\u001b\",\"o\":{}}", "app=we");
        expect_labels("{}", "");
        expect_labels("null", "");
        expect_labels("[\"app\"]", "");
}

Test(find_docker, labels_are_bounded)
{
        char text[64 << 10] = "{\"Config\":{\"Image\":\"i\",\"Labels\":{";
        struct find_names names;
        size_t len = strlen(text), total = 0, n = 0;

        for (int i = 0; i < 100; i++)
                len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\"%d\":\"%0300d\"", i ? "," : "", i, i);
        snprintf(text + len, sizeof(text) - len, "}}}");
        cr_assert(parse(text, &names));
        for (const char *label = names.labels; *label; label += strlen(label) + 1, n++)
                total += strlen(label) + 1;
        cr_expect_lt(total, sizeof(names.labels));
        cr_expect_geq(n, 10);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what runtimes keep of containers, as answers of their APIs, as mounts, and as what a process says of
 * itself. The first byte says which. Names that come out of it are clean, and labels end.
 */
#include "agent/find/internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ID "b4d6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"
#define POD "f6f2d169-f2ae-4afa-95ed-06ff2ed6b288"

static const struct find_place place = { .id = ID, .pod_uid = POD }, no_place = { .id = "", .pod_uid = "" };

/* ---- what comes out ---------------------------------------------------------------- */

static void check_clean(const char *text, size_t size)
{
        if (strnlen(text, size) == size)
                abort();
        for (; *text; text++)
                if ((unsigned char)*text < ' ' || *text == 0x7f)
                        abort();
}

static void check_names(const struct find_names *names)
{
        const char *label = names->labels, *end = names->labels + sizeof names->labels;

        check_clean(names->name, sizeof names->name);
        check_clean(names->image, sizeof names->image);
        check_clean(names->pod, sizeof names->pod);
        check_clean(names->pod_namespace, sizeof names->pod_namespace);
        check_clean(names->k8s_container, sizeof names->k8s_container);
        check_clean(names->pod_uid, sizeof names->pod_uid);
        for (; label < end && *label; label += strlen(label) + 1)
                check_clean(label, (size_t)(end - label));
        if (label >= end)
                abort();
}

static void add(void *ctx, const char *id, const struct find_names *names)
{
        struct find_names *all = ctx;

        (void)find_is_long_id(id);
        check_names(names);
        find_names_merge(all, names);
        find_names_merge_labels(all, names);
        check_names(all);
}

/* ---- what goes in ------------------------------------------------------------------ */

typedef void (*parse_fn)(const char *text, size_t len, struct find_names *names);

static void parse_mounts(const char *text, size_t len, struct find_names *names)
{
        find_mount_parse(text, len, &no_place, names);
        find_mount_parse(text, len, &place, names);
}

static void parse_api(const struct find_api_poll_kind *kind, const char *text, size_t len, struct find_names *names)
{
        struct json_object *root = find_json_parse(text, len);

        kind->parse(root, add, names);
        find_json_free(root);
}

static void parse_docker_api(const char *text, size_t len, struct find_names *names)
{
        parse_api(&find_docker_api, text, len, names);
}

static void parse_kubelet(const char *text, size_t len, struct find_names *names)
{
        parse_api(&find_kubelet, text, len, names);
}

static void parse_process(const char *text, size_t len, struct find_names *names)
{
        static const char *const exes[] = { "/usr/bin/python3", "/usr/bin/uwsgi", "" };
        struct find_process *process = calloc(1, sizeof *process);
        const char *key, *value = NULL;
        char program[FIND_NAME_SIZE];

        (void)names;
        if (!process)
                return;
        find_resource_parse(text, len, process);
        check_clean(process->service, sizeof process->service);
        while (find_resource_next(process, &key, &value))
                check_clean(value, sizeof process->resource);
        for (size_t i = 0; i < sizeof exes / sizeof *exes; i++) {
                find_program_name(exes[i], text, len, program, sizeof program);
                check_clean(program, sizeof program);
        }
        (void)find_environ_get(text, len, "OTEL_SERVICE_NAME", &(size_t){ 0 });
        free(process);
}

/* ---- what is read from files --------------------------------------------------------- */

static char host[] = "/dev/shm/podflame-names-XXXXXX";

/* A file of runtimes below their root, and who reads it. */
static const struct source {
        const char *path;
        void (*get)(struct find *find, const struct find_place *place, struct find_names *names);
} sources[] = {
        { "docker/containers/" ID "/config.v2.json", find_docker_names },
        { "podman/overlay-containers/containers.json", find_podman_names },
        { "run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/config.json", find_oci_bundle_names },
        { "run/containers/storage/overlay-containers/" ID "/userdata/config.json", find_oci_bundle_names },
        { "run/containerd/io.containerd.runtime.v2.task/default/" ID "/config.json", find_oci_bundle_names },
};
#define SOURCES (sizeof sources / sizeof *sources)

static void make_folders(const char *path)
{
        char folder[PATH_MAX];

        snprintf(folder, sizeof folder, "%s/%s", host, path);
        for (char *slash = folder + strlen(host); (slash = strchr(slash + 1, '/'));) {
                *slash = '\0';
                mkdir(folder, 0700);
                *slash = '/';
        }
}

static void remove_host(void)
{
        char command[128];

        snprintf(command, sizeof command, "rm -rf %s", host);
        if (system(command) != 0)
                fprintf(stderr, "%s is left\n", host);
}

static struct find find_at(char roots[static 4][PATH_MAX])
{
        static const char *const names[] = { "docker", "podman", "run", "log" };

        for (size_t i = 0; i < 4; i++)
                snprintf(roots[i], PATH_MAX, "%s/%s", host, names[i]);
        return (struct find){ .roots = { .docker = roots[0], .podman = roots[1], .run = roots[2], .log = roots[3] } };
}

static void parse_file(const struct source *source, const char *text, size_t len, struct find_names *names)
{
        char roots[4][PATH_MAX], path[PATH_MAX];
        struct find find = find_at(roots);

        snprintf(path, sizeof path, "%s/%s", host, source->path);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, text, len) != (ssize_t)len)
                abort();
        close(fd);
        source->get(&find, &place, names);
        source->get(&find, &no_place, names);
        unlink(path);
}

/* The names of files are what is read: of links to logs, and of a pod's folders. */
static void parse_log_name(const char *text, size_t len, struct find_names *names)
{
        char roots[4][PATH_MAX], path[PATH_MAX], id[NSUTIL_CONTAINER_ID_SIZE], *name = strndup(text, len);
        struct find find = find_at(roots);
        struct find_names link = { 0 };

        if (!name)
                return;
        if (find_link_parse(name, id, &link))
                check_clean(id, sizeof id);
        static const char *const folders[] = { "log/containers", "log/pods" };
        for (size_t i = 0; i < 2; i++) {
                snprintf(path, sizeof path, "%s/%s/%.255s", host, folders[i], name);
                int made = strchr(name, '/') || !*name ? -1 : mkdir(path, 0700);
                (i == 0 ? find_link_names : find_pod_log_names)(&find, &place, names);
                if (made == 0)
                        rmdir(path);
        }
        find_links_free(find.links);
        free(name);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        (void)argc;
        (void)argv;
        if (!mkdtemp(host))
                abort();
        atexit(remove_host);
        for (size_t i = 0; i < SOURCES; i++)
                make_folders(sources[i].path);
        make_folders("log/containers/x");
        make_folders("log/pods/x");
        return 0;
}

/* ------------------------------------------------------------------------------------- */

static const parse_fn parsers[] = { parse_docker_api, parse_kubelet, parse_mounts, parse_log_name, parse_process };
#define PARSERS (sizeof parsers / sizeof *parsers)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct find_names names = { 0 };

        if (len == 0)
                return 0;
        char *text = malloc(len > 1 ? len - 1 : 1); /* just as long: a byte beyond is found */
        if (!text)
                return 0;
        memcpy(text, data + 1, len - 1);
        size_t which = *data % (SOURCES + PARSERS);
        if (which < SOURCES)
                parse_file(&sources[which], text, len - 1, &names);
        else
                parsers[which - SOURCES](text, len - 1, &names);
        check_names(&names);
        free(text);
        return 0;
}

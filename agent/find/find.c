/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a struct find. */
#include "agent/find/internal.h"
#include "agent/find/non_python.h"
#include "agent/find/programs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_roots(const struct find_config *config, struct find_roots *roots)
{
        struct stat ours, inits;

        roots->docker = strdup(config->docker_root ? config->docker_root : "/var/lib/docker");
        roots->podman = strdup(config->podman_root ? config->podman_root : "/var/lib/containers/storage");
        roots->log = strdup(config->log_root ? config->log_root : "/var/log");
        roots->run = strdup(config->run_root ? config->run_root : "/run");
        if (!roots->docker || !roots->podman || !roots->log || !roots->run)
                return -ENOMEM;
        roots->below_init = stat("/", &ours) == 0 && stat("/proc/1/root/", &inits) == 0 &&
                            (ours.st_dev != inits.st_dev || ours.st_ino != inits.st_ino);
        return 0;
}

static void close_roots(struct find_roots *roots)
{
        free(roots->docker);
        free(roots->podman);
        free(roots->log);
        free(roots->run);
}

/* A manifest passes spec.nodeName in the environment. The host's name is usually the same. */
static void set_node(const char *node, char ret[static FIND_NAME_SIZE])
{
        char host[FIND_NAME_SIZE] = "";
        const char *ours = getenv("PODFLAME_NODE_NAME"), *usual = getenv("NODE_NAME");

        gethostname(host, sizeof(host) - 1);
        if (!node || !*node)
                node = ours && *ours ? ours : usual && *usual ? usual : host;
        find_clean(node, strlen(node), ret, FIND_NAME_SIZE);
}

static int open_apis(const struct find_config *config, struct find *find)
{
        int r = 0;

        find->on_api = config->on_api;
        find->ctx = config->ctx;
        if (config->docker_api)
                r = find_api_poll_open(&find_docker_api, config->docker_api, &find->apis[FIND_DOCKER_API]);
        if (r == 0 && config->kubelet)
                r = find_api_poll_open(&find_kubelet, config->kubelet, &find->apis[FIND_KUBELET]);
        return r;
}

static int open_fds(struct find *find, bool follow)
{
        struct epoll_event event = { .events = EPOLLIN };

        find->ends_fd = epoll_create1(EPOLL_CLOEXEC);
        find->fd = epoll_create1(EPOLL_CLOEXEC);
        if (find->ends_fd < 0 || find->fd < 0 || epoll_ctl(find->fd, EPOLL_CTL_ADD, find->ends_fd, &event) < 0)
                return -errno;
        /* If the kernel does not report births, find_scan() looks for them. */
        if (!follow || find_watch_open(&find->watch))
                return 0;
        return epoll_ctl(find->fd, EPOLL_CTL_ADD, find_watch_fd(find->watch), &event) < 0 ? -errno : 0;
}

int find_open_with(const struct find_config *config, const struct find_ops *ops, struct find **ret)
{
        static const struct find_config usual;
        struct find *find = calloc(1, sizeof(*find));
        int r = -ENOMEM;

        if (!find)
                return r;
        if (!config)
                config = &usual;
        find->ops = ops;
        find->trace = config->trace;
        find->ends_fd = find->fd = -1;
        find->rules = config->rules;
        find->min_age = config->min_age_ms * UINT64_C(1000000);
        find->slice = config->slice_ms * UINT64_C(1000000);
        find->once = config->once;
        find->first_look = config->at_once ? FIND_LOOK_AT_ONCE_NS : FIND_FIRST_LOOK_NS;
        find->show_unselected = config->show_unselected;
        find->read_unselected = config->read_unselected;
        set_node(config->node, find->node);
        find->sees_host_pids = nsutil_in_initial_pid_namespace();
        r = open_roots(config, &find->roots);
        if (!r)
                r = find_names_open(find);
        if (!r)
                r = open_apis(config, find);
        if (!r)
                r = open_fds(find, config->follow);
        if (!r)
                r = find_programs_new(&find->programs);
        if (!r && ops->may_be_python)
                r = find_non_python_new(ops->may_be_python, &find->non_python);
        if (!r) {
                *ret = find;
                find = NULL;
        }
        find_close(find);
        return r;
}

void find_close(struct find *find)
{
        struct find_entry *entry, *next;

        if (!find)
                return;
        HASH_ITER(hh, find->entries, entry, next)
                find_known_remove(find, entry);
        find_penalties_clear(find);
        find_non_python_free(find->non_python);
        find_programs_free(find->programs);
        find_watch_close(find->watch);
        if (find->ends_fd >= 0)
                close(find->ends_fd);
        if (find->fd >= 0)
                close(find->fd);
        find_names_close(find);
        close_roots(&find->roots);
        free(find);
}

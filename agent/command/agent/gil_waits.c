/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of each profile, which are then added up for those of one container. */
#include "gil_waits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sums {
        struct health_gil_wait container;
        uint64_t wanted_ns;  /* threads ran or waited for the GIL */
        uint64_t waited_ns;  /* the part of it in which they waited for the GIL */
        uint64_t unknown_ns; /* it is not known what they waited for */
};

/* ---- one profile ------------------------------------------------------------------------ */

static const char *attribute_or_empty(const struct profile *p, const char *key)
{
        const char *value = profile_attribute(p, key);

        return value ? value : "";
}

/* Outside of Kubernetes a container has only the name that its runtime knows, or none. */
static void name_container(const struct profile *p, struct health_gil_wait *ret)
{
        const char *in_pod = attribute_or_empty(p, "k8s.container.name");
        const char *name = *in_pod ? in_pod : attribute_or_empty(p, "container.name");

        snprintf(ret->pod_namespace, sizeof ret->pod_namespace, "%s", attribute_or_empty(p, "k8s.namespace.name"));
        snprintf(ret->pod, sizeof ret->pod, "%s", attribute_or_empty(p, "k8s.pod.name"));
        if (*name)
                snprintf(ret->container, sizeof ret->container, "%s", name);
        else
                snprintf(ret->container, sizeof ret->container, "%.12s", attribute_or_empty(p, "container.id"));
}

/* Whether the thread runs no Python. The leaf of one that does not run says why. */
static bool is_native(const struct profile *p, const struct profile_sample *sample)
{
        size_t n;
        const profile_id *frames = profile_stack(p, sample->stack, &n);

        for (size_t i = 0; i < n && i < 2; i++) {
                const struct profile_function *f = profile_function(p, profile_frame(p, frames[i])->function);
                if (strcmp(f->name, PROFILE_NATIVE) == 0 && !*f->file)
                        return true;
        }
        return false;
}

static void count_sample(const struct profile *p, const struct profile_sample *sample, struct sums *ret)
{
        const char *reason = profile_sample_reason(p, sample);
        bool waits = reason && strcmp(reason, "gil") == 0;
        bool unknown = sample->state == PROFILE_IDLE && (!reason || strcmp(reason, "unknown") == 0);

        if (!waits && is_native(p, sample))
                return;
        ret->waited_ns += waits ? sample->nanoseconds : 0;
        ret->wanted_ns += waits || sample->state == PROFILE_RUNNING ? sample->nanoseconds : 0;
        ret->unknown_ns += unknown ? sample->nanoseconds : 0;
}

/* ---- all of them ------------------------------------------------------------------------ */

static int order_names(const void *a, const void *b)
{
        const struct health_gil_wait *x = &((const struct sums *)a)->container,
                                     *y = &((const struct sums *)b)->container;
        int r = strcmp(x->pod_namespace, y->pod_namespace);

        if (r == 0)
                r = strcmp(x->pod, y->pod);
        return r ? r : strcmp(x->container, y->container);
}

static int order_waited(const void *a, const void *b)
{
        const struct sums *x = a, *y = b;
        int r = (x->waited_ns < y->waited_ns) - (x->waited_ns > y->waited_ns);

        return r ? r : order_names(a, b);
}

/* Makes one of each container's sums. Returns the number of containers. */
static size_t join_containers(struct sums *sums, size_t n)
{
        size_t joined = 0;

        qsort(sums, n, sizeof *sums, order_names);
        for (size_t i = 0; i < n; i++) {
                if (joined == 0 || order_names(&sums[joined - 1], &sums[i]) != 0) {
                        sums[joined++] = sums[i];
                        continue;
                }
                sums[joined - 1].wanted_ns += sums[i].wanted_ns;
                sums[joined - 1].waited_ns += sums[i].waited_ns;
                sums[joined - 1].unknown_ns += sums[i].unknown_ns;
        }
        return joined;
}

static bool is_known(const struct sums *sums)
{
        return (double)sums->unknown_ns <= GIL_WAITS_UNKNOWN_PART * (double)sums->wanted_ns;
}

/* A container that wanted nothing, and waited for nothing unknown, has no ratio, and lacks none. */
static void tell_containers(struct sums *sums, size_t n, struct health_gil_waits *ret)
{
        qsort(sums, n, sizeof *sums, order_waited);
        for (size_t i = 0; i < n; i++) {
                if (sums[i].wanted_ns == 0 && sums[i].unknown_ns == 0)
                        continue;
                if (!is_known(&sums[i]) || ret->n == HEALTH_GIL_WAITS_MAX) {
                        ret->untold++;
                        continue;
                }
                sums[i].container.ratio = (double)sums[i].waited_ns / (double)sums[i].wanted_ns;
                ret->rows[ret->n++] = sums[i].container;
        }
}

int gil_waits_read(const struct profile_set *set, struct health_gil_waits *ret)
{
        struct sums *sums = calloc(set->n + 1, sizeof *sums);
        size_t n = 0;

        ret->n = ret->untold = 0;
        if (!sums)
                return -ENOMEM;
        for (size_t i = 0; i < set->n; i++) {
                const struct profile *p = set->items[i];
                if (profile_settings(p)->mode != PROFILE_MODE_WALL)
                        continue;
                name_container(p, &sums[n].container);
                if (!*sums[n].container.container) /* it is in none */
                        continue;
                for (size_t j = 0; j < profile_samples(p); j++)
                        count_sample(p, profile_sample(p, j), &sums[n]);
                n++;
        }
        tell_containers(sums, join_containers(sums, n), ret);
        free(sums);
        return 0;
}

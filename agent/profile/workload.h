/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROFILE_WORKLOAD_H
#define PROFILE_WORKLOAD_H

#include <stddef.h>

/* The attributes that name the owner of a pod, the outermost first, and what kind of owner each names. */
#define PROFILE_OWNERS 6
extern const struct profile_owner {
        const char *attribute, *kind;
} profile_owners[PROFILE_OWNERS];

/* The attribute that has the hash of the template of a pod's Deployment. */
#define PROFILE_POD_HASH_ATTRIBUTE "k8s.pod.label.pod-template-hash"

/*
 * The owner of a pod, as "Deployment/web", of the values of profile_owners, the pod's name and the template's hash;
 * NULL or "": unknown. Allocated. "" if the owner is unknown; NULL if memory ran out.
 */
char *profile_workload(const char *const owners[static PROFILE_OWNERS], const char *pod, const char *hash);

#endif

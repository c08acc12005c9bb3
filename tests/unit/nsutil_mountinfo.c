/* SPDX-License-Identifier: Apache-2.0 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <string.h>

SUITE(nsutil_mountinfo);

#define ID "b4d6d161c62525d726fa394b27df30e14f8ea5646313ada576b390de70cfc8cc"
#define REST " rw,relatime - ext4 /dev/vda rw\n"
#define ROOT "72 48 0:39 / / rw,relatime master:2 - overlay overlay rw,lowerdir=/var/lib/docker/containers/" ID "/x\n"

static const struct {
        const char *text, *id;
} cases[] = {
        { ROOT "91 72 254:0 /var/lib/docker/containers/" ID "/hosts /etc/hosts" REST, ID },
        { "89 72 254:0 /containers/" ID "/resolv.conf /etc/resolv.conf" REST, ID },
        { "1 2 0:3 /var/lib/containers/storage/overlay-containers/" ID "/userdata/.containerenv "
          "/run/.containerenv" REST,
          ID },
        { "1 2 0:3 /home/u/run/containers/vfs-containers/" ID "/userdata/hosts /etc/hosts" REST, ID },
        /* the files of a pod's sandbox are not those of the container */
        { "89 72 254:0 /var/lib/docker/containers/" ID "/hostname /etc/hostname" REST
          "90 72 254:0 /var/lib/kubelet/pods/f6f2d169-f2ae-4afa-95ed-06ff2ed6b288/etc-hosts /etc/hosts" REST,
          NULL },
        /* somebody's own bind mount of a container's directory */
        { "89 72 254:0 /var/lib/docker/containers/" ID "/hostname /logs/hostname" REST, NULL },
        { "89 72 254:0 /var/lib/docker/containers /etc/containers" REST, NULL },
        { "89 72 254:0 /var/lib/docker/containers/" ID " /etc/hosts" REST, NULL },
        { "89 72 254:0 /var/lib/docker/volumes/" ID "/hosts /etc/hosts" REST, NULL },
        { ROOT, NULL },
        { "", NULL },
        { "\n \n1 2\n1 2 3 4", NULL },
};

Test(nsutil_mountinfo, known_answers)
{
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char id[NSUTIL_CONTAINER_ID_SIZE] = "untouched";
                size_t len = strlen(cases[i].text);
                int r = nsutil_mountinfo_container_id(guard_copy(cases[i].text, len), len, id);

                cr_expect_eq(r, cases[i].id ? 0 : NSUTIL_E_NOT_FOUND, "%s", cases[i].text);
                cr_expect_str_eq(id, cases[i].id ? cases[i].id : "untouched", "%s", cases[i].text);
        }
}

Test(nsutil_mountinfo, cut_anywhere)
{
        const char *text = cases[0].text;

        for (size_t len = 0; len < strlen(text); len++) {
                char id[NSUTIL_CONTAINER_ID_SIZE] = "";

                if (nsutil_mountinfo_container_id(guard_copy(text, len), len, id) == 0)
                        cr_expect_str_eq(id, ID);
        }
}

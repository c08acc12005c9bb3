/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlays with a layer on a file system that may never answer: pages of such an overlay may never come. The options of
 * the mount list the layers (Documentation/filesystems/overlayfs.rst):
 *   … - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d
 *   … - overlay overlay ro,lowerdir+=/a,lowerdir+=/b,datadir+=/c
 * mountinfo writes blanks, commas and backslashes in octal. overlayfs itself writes a backslash before a colon or a
 * comma that belongs to a name.
 *
 * The paths are those that the mounting process saw at that time. Four kinds of layers are not recognised: a layer
 * behind a link, a layer that is no longer mounted, a layer named from a working folder ("lowerdir=l/A:l/B", as Docker
 * does for many layers), and a layer that is an overlay itself.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <string.h>

/* ---- paths ----------------------------------------------------------------------------- */

/* Takes a byte; false at the end. */
static bool take_byte(struct nsutil_text *path, char *ret)
{
        const char *at = path->at;

        if (at >= path->end)
                return false;
        if (*at == '\\' && path->end - at >= 4 && at[1] >= '0' && at[1] <= '3') {
                *ret = (char)((at[1] - '0') << 6 | ((at[2] - '0') & 7) << 3 | ((at[3] - '0') & 7));
                path->at += 4;
        } else {
                *ret = *at;
                path->at++;
        }
        return true;
}

/* Takes a byte of the first of @layers; false at the end of that layer. */
static bool take_layer_byte(struct nsutil_text *layers, char *ret)
{
        struct nsutil_text rest = *layers;

        if (!take_byte(&rest, ret) || *ret == ':')
                return false;
        if (*ret == '\\' && !take_byte(&rest, ret))
                return false;
        *layers = rest;
        return true;
}

/* Skips a layer and the colon behind it; false if nothing is left then. */
static bool skip_layer(struct nsutil_text *layers)
{
        char byte;

        while (take_layer_byte(layers, &byte))
                ;
        take_byte(layers, &byte);
        return layers->at < layers->end;
}

/* Whether the first of @layers is a mount point or lies below it. */
static bool is_below(struct nsutil_text layers, struct nsutil_text point)
{
        char expected, byte = '\0';

        while (take_byte(&point, &expected))
                if (!take_layer_byte(&layers, &byte) || byte != expected)
                        return false;
        return byte == '/' || !take_layer_byte(&layers, &byte) || byte == '/';
}

/* ---- layers ---------------------------------------------------------------------------- */

/* Whether the first of @layers lies on mount @on: no later mount, and no deeper one, lies between them. */
static bool lies_on(struct nsutil_text layers, const struct nsutil_mount *on, struct nsutil_text mounts)
{
        struct nsutil_text line;
        struct nsutil_mount mount;
        ptrdiff_t longest = on->point.end - on->point.at;
        const char *nearest = on->point.at;

        while (nsutil_text_line(&mounts, &line))
                if (nsutil_mount_parse(line, &mount) && mount.point.end - mount.point.at >= longest &&
                    is_below(layers, mount.point)) {
                        longest = mount.point.end - mount.point.at;
                        nearest = mount.point.at;
                }
        return nearest == on->point.at;
}

struct place {
        const struct nsutil_mount *on;
        struct nsutil_text mounts;
};

static bool is_on(struct nsutil_text layers, const struct place *place)
{
        return is_below(layers, place->on->point) && lies_on(layers, place->on, place->mounts);
}

/* Whether @is returns true for one of the layers. */
static bool has_layer(struct nsutil_text options, bool (*is)(struct nsutil_text layers, const struct place *place),
                      const struct place *place)
{
        static const char *const keys[] = { "lowerdir=", "lowerdir+=", "datadir+=", "upperdir=" };
        struct nsutil_text option;

        while (nsutil_text_part(&options, ',', &option))
                for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
                        struct nsutil_text layers = option;

                        if (!nsutil_text_prefix(&layers, keys[i]))
                                continue;
                        do
                                if (is(layers, place))
                                        return true;
                        while (skip_layer(&layers));
                }
        return false;
}

bool nsutil_overlay_may_hang(struct nsutil_text options, struct nsutil_text mounts)
{
        struct nsutil_text rest = mounts, line;
        struct nsutil_mount mount;

        while (nsutil_text_line(&rest, &line))
                if (nsutil_mount_parse(line, &mount) && !nsutil_type_is_local(mount.type) &&
                    has_layer(options, is_on, &(struct place){ &mount, mounts }))
                        return true;
        return false;
}

/* The folders in which runtimes unpack layers before they start a container. */
static const char *const stores[] = {
        "/var/lib/docker/overlay2",
        "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs",
        "/var/lib/rancher/k3s/agent/containerd/io.containerd.snapshotter.v1.overlayfs",
        "/var/lib/containers/storage/overlay",
};

static bool is_elsewhere(struct nsutil_text layers, const struct place *place)
{
        (void)place;
        if (layers.at == layers.end || *layers.at != '/')
                return false;
        for (size_t i = 0; i < sizeof stores / sizeof *stores; i++)
                if (is_below(layers, (struct nsutil_text){ stores[i], stores[i] + strlen(stores[i]) }))
                        return false;
        return true;
}

bool nsutil_overlay_is_unusual(struct nsutil_text options)
{
        return has_layer(options, is_elsewhere, NULL);
}

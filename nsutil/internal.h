/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSUTIL_INTERNAL_H
#define NSUTIL_INTERNAL_H

/* What the files of nsutil share. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Long enough for "/proc/PID/task/TID/" and every name that nsutil puts behind it. */
#define NSUTIL_PROC_PATH_SIZE 128

/* Translates the errno of an access to /proc/PID: NSUTIL_E_GONE, NSUTIL_E_DENIED, or -@error. */
int nsutil_proc_error(int error);

/*
 * Opens a file of /proc for repeated reading. 0, or an error as nsutil_proc_error() gives it. The caller closes
 * @ret_fd.
 */
int nsutil_proc_open(const char *path, int *ret_fd);

/*
 * Reads up to @size bytes of @fd. Returns how many it has read, fewer than @size only at the end of the file, or
 * -errno.
 */
ssize_t nsutil_read_up_to(int fd, char *buf, size_t size);

struct nsutil_stat;
struct nsutil_status;

/* nsutil_stat_read() for /proc/@pid/@name, without looking for another thread. */
int nsutil_stat_read_at(pid_t pid, const char *name, struct nsutil_stat *ret);

/* Whether @stat belongs to a first thread that has ended before others. */
bool nsutil_is_survived(const struct nsutil_stat *stat);

/* nsutil_status_read() for /proc/@pid/@name; @name may be a thread's "task/TID/status". */
int nsutil_status_read_at(pid_t pid, const char *name, struct nsutil_status *ret);

/* ---- text: bytes that are consumed from the front ------------------------- */

struct nsutil_text {
        const char *at;
        const char *end;
};

/* Takes the next line, without its newline; false at the end. */
bool nsutil_text_line(struct nsutil_text *text, struct nsutil_text *ret_line);

/* Takes everything up to @delimiter, and the delimiter, or all that is left; false at the end. */
bool nsutil_text_part(struct nsutil_text *text, char delimiter, struct nsutil_text *ret);

/* Takes everything up to @delimiter, and the delimiter; false if it is not there. */
bool nsutil_text_until(struct nsutil_text *text, char delimiter, struct nsutil_text *ret);

/* Takes @prefix if the text begins with it. */
bool nsutil_text_prefix(struct nsutil_text *text, const char *prefix);

/* Cuts @suffix off the end if the text ends with it. */
bool nsutil_text_suffix(struct nsutil_text *text, const char *suffix);

bool nsutil_text_is(struct nsutil_text text, const char *string);

/* Skips spaces and tabs. */
void nsutil_text_blanks(struct nsutil_text *text);

/* Takes the digits of a number in base 8, 10 or 16; false if there are none or it exceeds 64 bits. */
bool nsutil_text_u64(struct nsutil_text *text, unsigned base, uint64_t *ret);

/* Takes a decimal number that fits into a non-negative pid_t. */
bool nsutil_text_pid(struct nsutil_text *text, pid_t *ret);

/* ---- cgroup.c ------------------------------------------------------------ */

/* Whether @text is 64 lowercase hex digits, as the container ids of Docker, containerd, CRI-O and podman are. */
bool nsutil_text_is_long_id(struct nsutil_text text);

/* Whether the text of /proc/PID/cgroup says "0::/": then the reader's own cgroup namespace hides the path. */
bool nsutil_cgroup_is_hidden(const char *text, size_t len);

/*
 * Whether the process with the /proc/PID/cgroup @text is in the cgroup of container @id. @of_first is the text of
 * another process, as a rule the container's first one. It is in the same cgroup, or it was before it moved further
 * down. @own is the text of /proc/self/cgroup. Hierarchies of cgroup v1 are compared one by one. One that agrees is
 * enough, since runtimes do not use all of them.
 */
bool nsutil_cgroup_agrees(const char *text, size_t len, const char *of_first, size_t of_first_len, const char *own,
                          size_t own_len, const char *id);

/* Copies an id to @ret, which has NSUTIL_CONTAINER_ID_SIZE bytes; false if the id is empty or too long. */
bool nsutil_copy_id(struct nsutil_text id, char *ret);

/* Enough for a dozen hierarchies with a path of up to 4096 bytes (PATH_MAX) each, several times over. */
#define NSUTIL_CGROUP_MAX ((size_t)256 << 10)

/* ---- mountinfo.c --------------------------------------------------------- */

/* Containers have some dozens of mounts of about 200 bytes each. Hosts of containers have thousands. */
#define NSUTIL_MOUNTINFO_MAX ((size_t)2 << 20)

/*
 * Finds the container's id in the text of /proc/PID/mountinfo, for targets whose cgroup path is hidden ("0::/").
 * Runtimes bind-mount …/containers/ID/hostname and the like. @ret has NSUTIL_CONTAINER_ID_SIZE bytes.
 */
int nsutil_mountinfo_container_id(const char *text, size_t len, char *ret);

/* Parses a line of mountinfo. @ret_root is the part of the file system that is mounted, @ret_point the mount point. */
bool nsutil_mountinfo_line(struct nsutil_text line, struct nsutil_text *ret_root, struct nsutil_text *ret_point);

/* ---- overlay.c ------------------------------------------------------------ */

/*
 * Whether an overlay mounted with @options has a layer on a file system that may never answer. @mounts, a text of
 * mountinfo, says on which file system each layer lies.
 */
bool nsutil_overlay_may_hang(struct nsutil_text options, struct nsutil_text mounts);

/*
 * Whether the overlay has a layer outside the folders in which Docker, containerd, podman and CRI-O unpack images.
 * Somebody in a container may have made such an overlay, or a snapshotter that fetches files when they are read.
 */
bool nsutil_overlay_is_unusual(struct nsutil_text options);

/* ---- hang.c --------------------------------------------------------------- */

/* A line of mountinfo. The kernel escapes blanks in the parts that a target may choose. */
struct nsutil_mount {
        uint64_t id;
        dev_t dev;
        struct nsutil_text point, type, options; /* @type and @options are the file system's */
};
bool nsutil_mount_parse(struct nsutil_text line, struct nsutil_mount *ret);

/* Whether file systems of @type are served by this kernel and its disks alone. */
bool nsutil_type_is_local(struct nsutil_text type);

/* Whether mount number @id may hang. A process that does not see such a mount says nothing of it: it may. */
bool nsutil_mount_may_hang(pid_t pid, uint64_t id);

/* Whether a process sees a mount of a file system that may never answer. */
bool nsutil_has_mount_that_may_hang(pid_t pid);

/* ---- privilege.c --------------------------------------------------------- */

/* Whether a security label (the text of /proc/self/attr/current) restricts its process. */
bool nsutil_label_confines(const char *text, size_t len);

#endif

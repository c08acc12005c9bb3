/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSUTIL_INTERNAL_H
#define NSUTIL_INTERNAL_H

/* What the files of nsutil share with each other. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Long enough for "/proc/PID/task/TID/" and every name that nsutil puts behind it. */
#define NSUTIL_PROC_PATH_SIZE 128

/* An errno of an access to /proc/PID: E_GONE, E_DENIED, or -@error. */
int nsutil_proc_error(int error);

/* Opens a file of /proc that is to be read again and again: 0, or as above. */
int nsutil_proc_open(const char *path, int *ret_fd);

/* Reads up to @size bytes of @fd; fewer means that it has ended. Returns how many, or -errno. */
ssize_t nsutil_read_up_to(int fd, char *buf, size_t size);

struct nsutil_stat;
struct nsutil_status;

/* nsutil_stat_read() for /proc/@pid/@name, as it stands there. */
int nsutil_stat_read_at(pid_t pid, const char *name, struct nsutil_stat *ret);

/* Whether it is of a first thread that has ended before others. */
bool nsutil_is_survived(const struct nsutil_stat *stat);

/* nsutil_status_read() for /proc/@pid/@name, a thread's "task/TID/status" perhaps. */
int nsutil_status_read_at(pid_t pid, const char *name, struct nsutil_status *ret);

/* ---- text: a span that is eaten from the front --------------------------- */

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

/* 64 lowercase hex digits: what Docker, containerd, CRI-O and podman call a container. */
bool nsutil_text_is_long_id(struct nsutil_text text);

/* Whether the text of /proc/PID/cgroup says "0::/": the reader's own cgroup namespace hides the path. */
bool nsutil_cgroup_is_hidden(const char *text, size_t len);

/*
 * Whether a process whose /proc/PID/cgroup is @text is in the cgroup of container @id that the process of @of_first,
 * the container's first one as a rule, is in as well, or was when it went deeper. Hierarchies of cgroup v1 are
 * compared one by one: one that agrees is enough, since runtimes do not use all of them.
 */
bool nsutil_cgroup_agrees(const char *text, size_t len, const char *of_first, size_t of_first_len, const char *own,
                          size_t own_len, const char *id);

/* Copies an id; false if it is empty or too long. */
bool nsutil_copy_id(struct nsutil_text id, char *ret);

/* A dozen hierarchies with a path of up to 4096 bytes (PATH_MAX) each, several times over. */
#define NSUTIL_CGROUP_MAX ((size_t)256 << 10)

/* ---- mountinfo.c --------------------------------------------------------- */

/* Containers have some dozens of mounts of about 200 bytes; hosts of containers, thousands. */
#define NSUTIL_MOUNTINFO_MAX ((size_t)2 << 20)

/*
 * The id from the text of /proc/PID/mountinfo, for targets whose cgroup path
 * is hidden ("0::/"): runtimes bind-mount …/containers/ID/hostname and the like.
 */
int nsutil_mountinfo_container_id(const char *text, size_t len, char *ret); /* NSUTIL_CONTAINER_ID_SIZE */

/* Of a line of mountinfo: what of its file system is mounted, and where. */
bool nsutil_mountinfo_line(struct nsutil_text line, struct nsutil_text *ret_root, struct nsutil_text *ret_point);

/* ---- overlay.c ------------------------------------------------------------ */

/*
 * Whether an overlay that is mounted with @options has a layer that lies, by @mounts (a text of mountinfo), on a file
 * system that may never answer.
 */
bool nsutil_overlay_may_hang(struct nsutil_text options, struct nsutil_text mounts);

/*
 * Whether it has layers elsewhere than where Docker, containerd, podman and CRI-O unpack images: made by somebody in a
 * container, or of a snapshotter that fetches files when they are asked for.
 */
bool nsutil_overlay_is_unusual(struct nsutil_text options);

/* ---- hang.c --------------------------------------------------------------- */

/* A line of mountinfo. What a target may choose of it has its blanks escaped. */
struct nsutil_mount {
        dev_t dev;
        struct nsutil_text point, type, options; /* these of the file system */
};
bool nsutil_mount_parse(struct nsutil_text line, struct nsutil_mount *ret);

/* Whether nobody but this kernel and its disks answers for file systems of a type. */
bool nsutil_type_is_local(struct nsutil_text type);

/* Whether a process sees a mount of a file system that may never answer. */
bool nsutil_has_mount_that_may_hang(pid_t pid);

/* ---- privilege.c --------------------------------------------------------- */

/* Whether a security label (/proc/self/attr/current) is one that restricts its process. */
bool nsutil_label_confines(const char *text, size_t len);

#endif

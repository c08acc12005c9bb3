/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages that may never come. A page of a mapped file that is not in memory has to be fetched by its file system. If a
 * program or another machine serves that file system, it may never answer, and the waiting reader cannot even be killed
 * (request_wait_answer() in fs/fuse/dev.c). A target can make such a file system and map a file of it.
 *
 * Three things are known without asking that file system: the type of each mount (/proc/PID/mountinfo), the device of
 * each mapping (/proc/PID/maps), and whether a page is in the process's page table (/proc/PID/pagemap, see
 * Documentation/admin-guide/mm/pagemap.rst).
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* File systems that this kernel and its disks serve alone, or that have files which cannot be mapped. */
static const char *const local_types[] = {
        "aufs",     "autofs",    "bcachefs",   "bdev",       "binfmt_misc", "bpf",     "btrfs",    "cgroup",
        "cgroup2",  "configfs",  "cpuset",     "cramfs",     "debugfs",     "devpts",  "devtmpfs", "ecryptfs",
        "efivarfs", "erofs",     "exfat",      "ext2",       "ext3",        "ext4",    "f2fs",     "fusectl",
        "hfsplus",  "hugetlbfs", "iso9660",    "jfs",        "minix",       "mqueue",  "msdos",    "nilfs2",
        "nsfs",     "ntfs3",     "overlay",    "proc",       "pstore",      "ramfs",   "reiserfs", "resctrl",
        "romfs",    "rootfs",    "rpc_pipefs", "securityfs", "selinuxfs",   "smackfs", "squashfs", "sysfs",
        "tmpfs",    "tracefs",   "ubifs",      "udf",        "ufs",         "vfat",    "xfs",      "zfs",
};

/* The folder in which the kernel lists all FUSE file systems by the minor number of their device. */
#define FUSE_CONNECTIONS "/sys/fs/fuse/connections"

static int order_types(const void *type, const void *local)
{
        return strcmp(type, *(const char *const *)local);
}

bool nsutil_type_is_local(struct nsutil_text type)
{
        char name[16]; /* longer than the longest name of the table */
        size_t len = (size_t)(type.end - type.at);

        if (len >= sizeof name)
                return false;
        memcpy(name, type.at, len);
        name[len] = '\0';
        return bsearch(name, local_types, sizeof local_types / sizeof *local_types, sizeof *local_types, order_types);
}

/* ---- mounts -------------------------------------------------------------------------- */

/* Takes fields 1, 3 and 5, and the first and the third field behind the lone hyphen. */
bool nsutil_mount_parse(struct nsutil_text line, struct nsutil_mount *ret)
{
        struct nsutil_text field;
        uint64_t major, minor;

        if (!nsutil_text_u64(&line, 10, &ret->id) || !nsutil_text_prefix(&line, " ") ||
            !nsutil_text_until(&line, ' ', &field) || !nsutil_text_u64(&line, 10, &major) ||
            !nsutil_text_prefix(&line, ":") || !nsutil_text_u64(&line, 10, &minor))
                return false;
        ret->dev = makedev((unsigned)major, (unsigned)minor);
        if (!nsutil_text_prefix(&line, " ") || !nsutil_text_until(&line, ' ', &field) ||
            !nsutil_text_until(&line, ' ', &ret->point))
                return false;
        while (nsutil_text_until(&line, ' ', &field))
                if (nsutil_text_is(field, "-"))
                        return nsutil_text_until(&line, ' ', &ret->type) && nsutil_text_until(&line, ' ', &field) &&
                               nsutil_text_part(&line, ' ', &ret->options);
        return false;
}

/*
 * Two texts of mountinfo: a process's, and that of PID 1, which sees what the runtimes have mounted. The latter is read
 * for unusual overlays only: it takes more than 1 us for each mount of the whole machine.
 */
struct mounts {
        struct nsutil_text own, host;
        char *own_text, *host_text; /* memory of the two texts */
        size_t max;                 /* bytes that each text may have */
        bool host_is_read, host_is_too_long;
};

/* Reads the mountinfo of @pid. On an error @ret_span is empty. */
static int read_text(pid_t pid, size_t max, char **ret, struct nsutil_text *ret_span)
{
        size_t len;
        int r = nsutil_read_proc(pid, "mountinfo", max, ret, &len);

        if (r == 0)
                *ret_span = (struct nsutil_text){ *ret, *ret + len };
        return r;
}

static int read_mounts(pid_t pid, size_t max, struct mounts *ret)
{
        *ret = (struct mounts){ .max = max };
        return read_text(pid, max, &ret->own_text, &ret->own);
}

static void free_mounts(struct mounts *mounts)
{
        free(mounts->own_text);
        free(mounts->host_text);
}

static bool host_says_it_may_hang(struct mounts *mounts, struct nsutil_text options)
{
        if (!mounts->host_is_read)
                mounts->host_is_too_long = read_text(1, mounts->max, &mounts->host_text, &mounts->host) ==
                                           NSUTIL_E_TOO_BIG;
        mounts->host_is_read = true;
        return mounts->host_is_too_long || nsutil_overlay_may_hang(options, mounts->host);
}

static bool mount_may_hang(struct mounts *mounts, const struct nsutil_mount *mount)
{
        if (!nsutil_text_is(mount->type, "overlay"))
                return !nsutil_type_is_local(mount->type);
        return nsutil_overlay_may_hang(mount->options, mounts->own) ||
               (nsutil_overlay_is_unusual(mount->options) && host_says_it_may_hang(mounts, mount->options));
}

/* Whether a mount may hang. If @dev is not NULL, only mounts of that device count. */
static bool some_may_hang(struct mounts *mounts, const dev_t *dev)
{
        struct nsutil_text rest = mounts->own, line;
        struct nsutil_mount mount;

        while (nsutil_text_line(&rest, &line))
                if (nsutil_mount_parse(line, &mount) && (!dev || mount.dev == *dev) && mount_may_hang(mounts, &mount))
                        return true;
        return false;
}

bool nsutil_mounts_may_hang(const char *text, size_t len, const dev_t *dev)
{
        return some_may_hang(&(struct mounts){ .own = { text, text + len }, .host_is_read = true }, dev);
}

/*
 * A process may have received its file as a descriptor from another mount namespace. No mountinfo that we read lists
 * that mount, but the kernel's list of FUSE connections has it.
 */
static bool is_fuse(dev_t dev)
{
        char path[NSUTIL_PROC_PATH_SIZE];

        snprintf(path, sizeof path, FUSE_CONNECTIONS "/%u", minor(dev));
        return major(dev) == 0 && access(path, F_OK) == 0;
}

bool nsutil_has_mount_that_may_hang(pid_t pid)
{
        struct mounts mounts;

        read_mounts(pid, NSUTIL_MOUNTINFO_MAX, &mounts);
        bool has = some_may_hang(&mounts, NULL);
        free_mounts(&mounts);
        return has;
}

bool nsutil_mount_may_hang(pid_t pid, uint64_t id)
{
        struct nsutil_text rest, line;
        struct nsutil_mount mount;
        struct mounts mounts;
        bool may = true;

        read_mounts(pid, NSUTIL_MOUNTINFO_MAX, &mounts);
        rest = mounts.own;
        while (may && nsutil_text_line(&rest, &line))
                if (nsutil_mount_parse(line, &mount) && mount.id == id)
                        may = mount_may_hang(&mounts, &mount);
        free_mounts(&mounts);
        return may;
}

bool nsutil_map_may_hang(pid_t pid, const struct nsutil_map *map)
{
        struct mounts mounts;

        read_mounts(pid, NSUTIL_MOUNTINFO_MAX, &mounts);
        bool may = map->inode != 0 && (is_fuse(map->dev) || some_may_hang(&mounts, &map->dev));
        free_mounts(&mounts);
        return may;
}

/* The devices of a process's mappings. Those of disks are included, since FUSE may mount a disk (fuseblk). */
struct devices {
        dev_t items[16];
        size_t n;
        bool full; /* there are more devices than places */
};

static void add_device(struct devices *devices, dev_t dev)
{
        for (size_t i = 0; i < devices->n; i++)
                if (devices->items[i] == dev)
                        return;
        devices->full = devices->n == sizeof devices->items / sizeof *devices->items;
        if (!devices->full)
                devices->items[devices->n++] = dev;
}

/* Lists the devices of mappings that have addresses from @from to @to (exclusive). */
static void list_devices(const struct nsutil_maps *maps, uint64_t from, uint64_t to, struct devices *ret)
{
        *ret = (struct devices){ 0 };
        for (size_t i = 0; i < maps->n && !ret->full; i++) {
                const struct nsutil_map *map = &maps->maps[i];
                if (map->inode != 0 && map->start < to && map->end > from)
                        add_device(ret, map->dev);
        }
}

/*
 * How many bytes of maps and of mountinfo are read at most, since reading takes time. If a text is longer, the answer
 * is that it may hang.
 */
struct bounds {
        size_t maps, mounts;
};

static bool span_may_hang(pid_t pid, uint64_t from, uint64_t to, const struct bounds *bounds)
{
        struct devices devices;
        struct nsutil_maps maps;
        struct mounts mounts;
        char *text;
        size_t len;
        int r = nsutil_read_proc(pid, "maps", bounds->maps, &text, &len);

        if (r != 0)
                /* otherwise the process has ended or access is refused: no page of it can be read */
                return r == NSUTIL_E_TOO_BIG;
        if (nsutil_maps_parse(text, len, &maps) != 0) {
                free(text);
                return true;
        }
        list_devices(&maps, from, to, &devices);
        nsutil_maps_deinit(&maps);
        if (devices.n == 0 || devices.full)
                return devices.full;
        bool may = read_mounts(pid, bounds->mounts, &mounts) == NSUTIL_E_TOO_BIG;
        for (size_t i = 0; i < devices.n && !may; i++)
                may = is_fuse(devices.items[i]) || some_may_hang(&mounts, &devices.items[i]);
        free_mounts(&mounts);
        return may;
}

/* Called once for a process, so that its bounds fit any process. */
bool nsutil_may_hang(pid_t pid)
{
        static const struct bounds all = { NSUTIL_MAPS_MAX, NSUTIL_MOUNTINFO_MAX };

        return span_may_hang(pid, 0, UINT64_MAX, &all);
}

/* ---- pages --------------------------------------------------------------------------- */

#define PAGEMAP_TRACKED (1ull << 57) /* with SWAPPED: it may be only userfaultfd's mark, and there is no page */
#define PAGEMAP_SWAPPED (1ull << 62)
#define PAGEMAP_PRESENT (1ull << 63)

static bool is_present(uint64_t entry)
{
        return entry & PAGEMAP_PRESENT || (entry & (PAGEMAP_SWAPPED | PAGEMAP_TRACKED)) == PAGEMAP_SWAPPED;
}

/* The number of pages that one read of pagemap asks for. */
#define PAGES 64

static bool are_present(const uint64_t *entries, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!is_present(entries[i]))
                        return false;
        return true;
}

static bool span_is_present(pid_t pid, uint64_t from, uint64_t to)
{
        uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), entries[PAGES];
        uint64_t at = from / page, end = (to - 1) / page + 1;
        char path[NSUTIL_PROC_PATH_SIZE];
        int fd;

        snprintf(path, sizeof path, "/proc/%d/pagemap", pid);
        if (nsutil_proc_open(path, &fd) != 0)
                return false;
        bool present = true;
        while (present && at < end) {
                size_t n = end - at < PAGES ? end - at : PAGES;
                ssize_t want = (ssize_t)(n * sizeof *entries);
                present = pread(fd, entries, (size_t)want, (off_t)(at * sizeof *entries)) == want &&
                          are_present(entries, n);
                at += n;
        }
        close(fd);
        return present;
}

/* Bounds for a single read of memory: 2000 mappings and 300 mounts, which take 1 ms. */
#define FEW_MAPS_BYTES ((size_t)256 << 10)
#define FEW_MOUNTS_BYTES ((size_t)64 << 10)

bool nsutil_span_may_hang(pid_t pid, uint64_t addr, size_t len)
{
        static const struct bounds few = { FEW_MAPS_BYTES, FEW_MOUNTS_BYTES };

        if (len == 0 || addr + len < addr || span_is_present(pid, addr, addr + len))
                return false;
        return span_may_hang(pid, addr, addr + len, &few);
}

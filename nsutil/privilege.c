/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What podflame may do, and what keeps it from more: capabilities, Yama, user namespaces, AppArmor and SELinux. The
 * kernel only ever says EPERM. This file finds the cause from what each of them shows.
 */
#include "nsutil/internal.h"
#include "nsutil/nsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/uio.h>
#include <unistd.h>

#define YAMA_LOCKED 3

/* The highest level of kernel.perf_event_paranoid that Linux itself knows. */
#define PARANOID_MAINLINE 2
#define PARANOID_MAX ((size_t)16)

/* Yama's file has a digit and a newline. A label of AppArmor or SELinux has a few dozen characters. */
#define YAMA_MAX ((size_t)16)
#define LABEL_MAX ((size_t)4096)

/* uid_map has up to 340 lines of three numbers (Linux 4.15). */
#define UID_MAP_MAX ((size_t)16384)

bool nsutil_has_cap(int cap)
{
        cap_flag_value_t value = CAP_CLEAR;
        cap_t caps = cap_get_proc();

        if (!caps)
                return false;
        if (cap_get_flag(caps, cap, CAP_EFFECTIVE, &value) < 0)
                value = CAP_CLEAR;
        cap_free(caps);
        return value == CAP_SET;
}

bool nsutil_perf_paranoid(int *ret)
{
        size_t len;
        char *text, *end;

        if (nsutil_read_file_at(AT_FDCWD, "/proc/sys/kernel/perf_event_paranoid", PARANOID_MAX, &text, &len))
                return false;
        *ret = (int)strtol(text, &end, 10);
        bool ok = end != text;
        free(text);
        return ok;
}

bool nsutil_perf_wants_admin(void)
{
        int level;

        return nsutil_perf_paranoid(&level) && level > PARANOID_MAINLINE && !nsutil_has_cap(CAP_SYS_ADMIN) &&
               nsutil_in_initial_user_namespace();
}

const char *nsutil_perf_denial(void)
{
        if (!nsutil_has_cap(CAP_PERFMON) && !nsutil_has_cap(CAP_SYS_ADMIN))
                return "CAP_PERFMON is missing";
        if (!nsutil_in_initial_user_namespace())
                return "capabilities of a user namespace do not count for them";
        return nsutil_perf_wants_admin()
                       ? "kernel.perf_event_paranoid is above 2, and this kernel then asks for CAP_SYS_ADMIN"
                       : "a seccomp filter or a security module forbids them";
}

int nsutil_yama_scope(void)
{
        uint64_t scope;
        char *text;
        size_t len;

        if (nsutil_read_file_at(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", YAMA_MAX, &text, &len))
                return -1;
        struct nsutil_text rest = { text, text + len };
        bool ok = nsutil_text_u64(&rest, 10, &scope) && scope <= YAMA_LOCKED;
        free(text);
        return ok ? (int)scope : -1;
}

/* The initial user namespace, and only that one, maps all ids to themselves. */
bool nsutil_in_initial_user_namespace(void)
{
        uint64_t inner = 1, outer = 1, count = 0;
        char *text;
        size_t len;

        if (nsutil_read_file_at(AT_FDCWD, "/proc/self/uid_map", UID_MAP_MAX, &text, &len))
                return true;
        struct nsutil_text rest = { text, text + len };
        nsutil_text_blanks(&rest);
        bool ok = nsutil_text_u64(&rest, 10, &inner);
        nsutil_text_blanks(&rest);
        ok = ok && nsutil_text_u64(&rest, 10, &outer);
        nsutil_text_blanks(&rest);
        ok = ok && nsutil_text_u64(&rest, 10, &count);
        free(text);
        return ok && inner == 0 && outer == 0 && count == UINT32_MAX;
}

/* PROC_PID_INIT_INO: the kernel's inode number for the initial PID namespace since Linux 3.8. */
bool nsutil_in_initial_pid_namespace(void)
{
        char link[64];
        ssize_t n = readlink("/proc/self/ns/pid", link, sizeof(link));
        static const char initial[] = "pid:[4026531836]";

        return n == (ssize_t)strlen(initial) && !memcmp(link, initial, (size_t)n);
}

/* Whether @pid is known to be in podflame's user namespace. Without access to the process its link cannot be read. */
static bool shares_user_namespace(pid_t pid)
{
        char path[NSUTIL_PROC_PATH_SIZE], ours[64], theirs[64];

        snprintf(path, sizeof(path), "/proc/%d/ns/user", nsutil_task(pid));
        ssize_t n = readlink("/proc/self/ns/user", ours, sizeof(ours));
        return n > 0 && readlink(path, theirs, sizeof(theirs)) == n && !memcmp(ours, theirs, (size_t)n);
}

/*
 * AppArmor writes "unconfined" or "PROFILE (MODE)". SELinux writes "USER:ROLE:TYPE:LEVEL"; its types unconfined_t,
 * spc_t and kernel_t may read other processes.
 */
bool nsutil_label_confines(const char *text, size_t len)
{
        static const char *const free_types[] = { ":unconfined_t:", ":spc_t:", ":kernel_t:" };
        struct nsutil_text label = { text, text + len }, line;

        if (!nsutil_text_line(&label, &line) || line.at == line.end || *line.at == '\0')
                return false;
        if (nsutil_text_is(line, "unconfined") || nsutil_text_suffix(&line, " (unconfined)") ||
            nsutil_text_suffix(&line, " (complain)"))
                return false;
        for (size_t i = 0; i < sizeof(free_types) / sizeof(*free_types); i++)
                if (memmem(line.at, (size_t)(line.end - line.at), free_types[i], strlen(free_types[i])))
                        return false;
        return true;
}

bool nsutil_label(char *ret, size_t size)
{
        char *text;
        size_t len;

        *ret = '\0';
        /* EINVAL if no security module keeps labels. */
        if (nsutil_read_file_at(AT_FDCWD, "/proc/self/attr/current", LABEL_MAX, &text, &len))
                return false;
        bool r = nsutil_label_confines(text, len);
        snprintf(ret, size, "%.*s", (int)strcspn(text, "\n"), text);
        free(text);
        return r;
}

/* The kernel checks the access before the address. Nothing can be mapped at this address. */
int nsutil_may_read(pid_t pid)
{
        char byte;
        struct iovec local = { .iov_base = &byte, .iov_len = 1 }, remote = { .iov_base = NULL, .iov_len = 1 };

        if (process_vm_readv(nsutil_task(pid), &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT)
                return 0;
        return errno == ESRCH ? NSUTIL_E_GONE : errno == EPERM || errno == EACCES ? NSUTIL_E_DENIED : -errno;
}

enum nsutil_denial nsutil_denial(pid_t pid)
{
        char label[64];

        if (nsutil_yama_scope() == YAMA_LOCKED)
                return NSUTIL_DENIAL_YAMA_LOCKED;
        if (!nsutil_has_cap(CAP_SYS_PTRACE))
                return NSUTIL_DENIAL_NO_CAP;
        if (!nsutil_in_initial_user_namespace() && !shares_user_namespace(pid))
                return NSUTIL_DENIAL_USER_NAMESPACE;
        if (nsutil_label(label, sizeof(label)))
                return NSUTIL_DENIAL_SECURITY_MODULE;
        return NSUTIL_DENIAL_UNKNOWN;
}

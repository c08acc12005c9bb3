/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about a process that cannot be profiled: why, and what to do. */
#include "explanations.h"

#include "confinement.h"
#include "messages.h"

#include "nsutil/nsutil.h"

#include <stdio.h>

static const char *const denials[] = {
        [NSUTIL_DENIAL_UNKNOWN] = "the kernel does not say why",
        [NSUTIL_DENIAL_YAMA_LOCKED] = "kernel.yama.ptrace_scope is 3, which forbids it to everybody, until it is set "
                                      "lower in /etc/sysctl.d and the machine is started anew",
        [NSUTIL_DENIAL_NO_CAP] = "CAP_SYS_PTRACE is missing: run as root (sudo podflame …), or start the container "
                                 "with --cap-add SYS_PTRACE",
        [NSUTIL_DENIAL_USER_NAMESPACE] = "it is in a user namespace that is not below ours: run podflame on the host",
        [NSUTIL_DENIAL_SECURITY_MODULE] = "AppArmor or SELinux confines podflame: run it unconfined "
                                          "(--security-opt apparmor=unconfined; of SELinux, `getsebool deny_ptrace` "
                                          "tells whether it forbids ptrace, `setsebool deny_ptrace 0` allows it)",
};

void explain_denial(pid_t pid, char *ret, size_t size)
{
        int scope = nsutil_yama_scope();
        enum nsutil_denial denial = nsutil_denial(pid);
        const char *why = denials[denial];

        if (denial == NSUTIL_DENIAL_UNKNOWN && confinement_found_filter())
                snprintf(ret, size,
                         "%s; podflame is under a seccomp filter: `podflame doctor` tries whether that lets "
                         "reading through",
                         why);
        else if (scope > 0 && scope < 3)
                snprintf(ret, size,
                         "%s (kernel.yama.ptrace_scope is %d: `sysctl kernel.yama.ptrace_scope=0` "
                         "lets a user profile their own processes)",
                         why, scope);
        else
                snprintf(ret, size, "%s", why);
}

#define HIDDEN "/proc is mounted with hidepid=%u, which hides other users' processes"
#define UNHIDE "run podflame as root (sudo podflame …), or as a member of the group that the mount option gid= names"

void explain_absence(pid_t pid, char *ret, size_t size)
{
        if (nsutil_is_hidden(pid))
                snprintf(ret, size, "it is there, but " HIDDEN ": " UNHIDE, nsutil_hiding());
        else
                snprintf(ret, size, "there is no such process (any more)");
}

void say_hiding(void)
{
        unsigned level = nsutil_hiding();

        if (level > 0)
                say("other users' processes are not seen: " HIDDEN ": " UNHIDE, level);
}

/* Lists the versions, "2.6, 2.7, 3.4, …". An ABI is a version without its dot. */
static void list_versions(char *ret, size_t size)
{
        size_t len = 0;

        *ret = '\0';
        for (const uint32_t *abi = pystack_abis(); *abi && len < size; abi++) {
                uint32_t digits = *abi < 100 ? 10 : 100;
                len += (size_t)snprintf(ret + len, size - len, "%s%u.%u", len > 0 ? ", " : "", *abi / digits,
                                        *abi % digits);
        }
}

void explain_not_profilable(pid_t pid, int error, const struct pystack_info *info, char *ret, size_t size)
{
        char more[512];

        switch (error) {
        case PYSTACK_E_GONE:
                explain_absence(pid, ret, size);
                break;
        case PYSTACK_E_DENIED:
                explain_denial(pid, more, sizeof more);
                snprintf(ret, size, "permission refused: %s", more);
                break;
        case PYSTACK_E_NOT_PYTHON:
                snprintf(ret, size,
                         "it is not a CPython process: neither its executable nor a library that it has "
                         "loaded holds a Python runtime%s%s",
                         info->detail[0] ? "; " : "", info->detail);
                break;
        case PYSTACK_E_UNSUPPORTED:
                list_versions(more, sizeof more);
                if (info->version == 0)
                        snprintf(ret, size, "%s", info->detail);
                else
                        snprintf(ret, size, "%s (supported are %s)", info->detail, more);
                break;
        default:
                snprintf(ret, size, "%s", info->detail[0] ? info->detail : pystack_strerror(error));
        }
}

int say_not_profilable(pid_t pid, int error, const struct pystack_info *info)
{
        char why[EXPLANATION_SIZE];

        explain_not_profilable(pid, error, info, why, sizeof why);
        return say_error("process %d: %s", pid, why);
}

void format_version(uint32_t version, char *ret, size_t size)
{
        static const char *const levels[16] = { [0xa] = "a", [0xb] = "b", [0xc] = "rc" };
        unsigned major = version >> 24, minor = version >> 16 & 255, micro = version >> 8 & 255;
        unsigned level = version >> 4 & 15, serial = version & 15;

        if (version == 0)
                snprintf(ret, size, "?");
        else if (level == 0)
                snprintf(ret, size, "%u.%u", major, minor); /* the version is known from the layout, without micro */
        else if (levels[level])
                snprintf(ret, size, "%u.%u.%u%s%u", major, minor, micro, levels[level], serial);
        else
                snprintf(ret, size, "%u.%u.%u", major, minor, micro);
}

void say_calls_refused(pid_t pid)
{
        say("what some threads wait for is unknown: /proc/%d/task/TID/syscall is refused: CAP_SYS_PTRACE is missing, "
            "or "
            "the kernel does not have that file",
            pid);
}

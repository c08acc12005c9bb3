/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks. Each tries something out, and says what happened. Capabilities alone would not show what a seccomp
 * filter, a cgroup or a security module takes away.
 */
#include "checks.h"

#include "agent/command/cli/confinement.h"
#include "agent/command/cli/explanations.h"
#include "agent/send/send.h"

#include "nsutil/nsutil.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ---- words -------------------------------------------------------------------------- */

static __attribute__((format(printf, 2, 3))) void put_state(char *state, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(state, DOCTOR_STATE_SIZE, format, args);
        va_end(args);
}

static const char *state_of_capability(int cap)
{
        return nsutil_has_cap(cap) ? "granted" : "missing";
}

/* ---- capabilities ------------------------------------------------------------------- */

static enum doctor_verdict check_ptrace(const struct doctor_host *host, char *state)
{
        bool there = nsutil_has_cap(CAP_SYS_PTRACE);
        char why[512];

        if (host->readable == host->processes && host->own == 0) {
                put_state(state, "%s: all %zu processes can be read", state_of_capability(CAP_SYS_PTRACE),
                          host->processes);
                return DOCTOR_FINE;
        }
        put_state(state, "%s: %zu of %zu processes can be read", state_of_capability(CAP_SYS_PTRACE), host->readable,
                  host->processes);
        if (there && host->refused) {
                /* Whether a seccomp filter is the cause has been tried already; that has a row of its own. */
                bool unknown = nsutil_denial(host->refused) == NSUTIL_DENIAL_UNKNOWN;
                if (!unknown)
                        explain_denial(host->refused, why, sizeof why);
                size_t len = strlen(state);
                snprintf(state + len, DOCTOR_STATE_SIZE - len, "; process %d is refused%s%s", host->refused,
                         unknown ? ", and the kernel does not say why" : ": ", unknown ? "" : why);
        }
        /*
         * If some processes can be read although the capability is missing, another row says what prevents reading the
         * others.
         */
        if (there && host->readable > 0)
                return DOCTOR_FINE;
        return host->readable == 0 && host->own != 0 ? DOCTOR_BLOCKED : DOCTOR_LESS;
}

static enum doctor_verdict check_dac(const struct doctor_host *host, char *state)
{
        if (host->environs < host->foreign)
                put_state(state, "%s: the environment of %zu of %zu processes of other users can be read",
                          state_of_capability(CAP_DAC_READ_SEARCH), host->environs, host->foreign);
        else
                put_state(state, "%s", state_of_capability(CAP_DAC_READ_SEARCH));
        return host->environs == host->foreign && nsutil_has_cap(CAP_DAC_READ_SEARCH) ? DOCTOR_FINE : DOCTOR_LESS;
}

static const char *describe_own_events(const struct sample_probe *probe)
{
        if (probe->perf_own == 0)
                return "they can be had for single processes";
        return probe->perf_own_user == 0 ? "they can be had for single processes, outside the kernel"
                                         : "nor for single processes: the timer tick is left";
}

/* As a rule a seccomp filter answers with EPERM, and the kernel itself with EACCES. */
static enum doctor_verdict check_perfmon(const struct doctor_host *host, char *state)
{
        const struct sample_probe *probe = &host->sample;
        char level[16] = "?";
        int known;

        if (probe->perf_machine == 0) {
                bool by_admin = !nsutil_has_cap(CAP_PERFMON) && nsutil_has_cap(CAP_SYS_ADMIN);
                put_state(state, "%s: all processes, on %u CPUs",
                          by_admin ? "granted by CAP_SYS_ADMIN" : state_of_capability(CAP_PERFMON), probe->cpus);
                return DOCTOR_FINE;
        }
        if (nsutil_perf_paranoid(&known))
                snprintf(level, sizeof level, "%d", known);
        put_state(state, "%s: events of all processes are refused (%s; kernel.perf_event_paranoid is %s), %s",
                  state_of_capability(CAP_PERFMON), strerror(-probe->perf_machine), level, describe_own_events(probe));
        return DOCTOR_LESS;
}

/* Whether CAP_PERFMON is there, and is not enough for this kernel. */
static bool perf_takes_more(const struct doctor_host *host)
{
        return host->sample.perf_machine != 0 && nsutil_has_cap(CAP_PERFMON) && nsutil_perf_wants_admin();
}

static enum doctor_verdict check_nice(const struct doctor_host *host, char *state)
{
        bool there = nsutil_has_cap(CAP_SYS_NICE);

        if (host->sample.realtime)
                put_state(state, "%s: SCHED_FIFO can be had", state_of_capability(CAP_SYS_NICE));
        else
                put_state(state, "%s: SCHED_FIFO is refused%s", state_of_capability(CAP_SYS_NICE),
                          there ? "; this cgroup has no real-time budget (cpu.rt_runtime_us), or a seccomp filter "
                                  "forbids it"
                                : "");
        return host->sample.realtime ? DOCTOR_FINE : DOCTOR_LESS;
}

/* ---- namespaces, security modules ---------------------------------------------------- */

static enum doctor_verdict check_pid_namespace(const struct doctor_host *host, char *state)
{
        bool initial = nsutil_in_initial_pid_namespace();

        put_state(state, "%s: %zu processes are seen", initial ? "the machine's" : "one of its own", host->processes);
        return initial ? DOCTOR_FINE : DOCTOR_LESS;
}

static enum doctor_verdict check_hidepid(const struct doctor_host *host, char *state)
{
        static const char *const hidden[] = { [0] = "hides nothing from us",
                                              [1] = "hides what is in other users' processes",
                                              [2] = "hides other users' processes",
                                              [4] = "hides the processes that we may not trace" };
        unsigned level = nsutil_hiding();

        (void)host;
        if (level > 0)
                put_state(state, "%s (hidepid=%u)", hidden[level], level);
        else
                put_state(state, "%s", hidden[level]);
        return level > 0 ? DOCTOR_LESS : DOCTOR_FINE;
}

static enum doctor_verdict check_user_namespace(const struct doctor_host *host, char *state)
{
        bool initial = nsutil_in_initial_user_namespace();

        put_state(state, "%s", initial ? "the machine's" : "one of its own");
        return initial || host->readable == host->processes ? DOCTOR_FINE : DOCTOR_LESS;
}

static enum doctor_verdict check_yama(const struct doctor_host *host, char *state)
{
        int scope = nsutil_yama_scope();

        if (scope < 0)
                put_state(state, "not there");
        else
                put_state(state, "kernel.yama.ptrace_scope is %d%s", scope, scope == 3 ? ", which is for ever" : "");
        if (scope == 3 && host->own != 0)
                return DOCTOR_BLOCKED;
        return scope > 0 && host->readable < host->processes ? DOCTOR_LESS : DOCTOR_FINE;
}

static enum doctor_verdict check_label(const struct doctor_host *host, char *state)
{
        char label[256];
        bool confined = nsutil_label(label, sizeof label);
        bool reads = host->readable == host->processes;

        if (!*label)
                put_state(state, "none is there");
        else
                put_state(state, "we are %s%s", label, !confined ? "" : reads ? ", which lets reading through" : "");
        return confined && !reads ? DOCTOR_LESS : DOCTOR_FINE;
}

static enum doctor_verdict check_seccomp(const struct doctor_host *host, char *state)
{
        bool filtered = confinement_found_filter();

        if (!filtered)
                put_state(state, "no filter");
        else if (host->own == 0)
                put_state(state, "a filter, which lets process_vm_readv through");
        else
                put_state(state, "a filter, and process_vm_readv fails even on a child of ours: %s",
                          nsutil_strerror(host->own));
        return filtered && host->own != 0 ? DOCTOR_BLOCKED : DOCTOR_FINE;
}

/* ---- the machine --------------------------------------------------------------------- */

static enum doctor_verdict check_cpus(const struct doctor_host *host, char *state)
{
        const struct sample_probe *probe = &host->sample;

        put_state(state, "readers can go to %u of %u", probe->pinned, probe->cpus);
        return probe->pinned == probe->cpus ? DOCTOR_FINE : DOCTOR_LESS;
}

/* Opens podflame's own program in the way in which a target's files are opened. */
static enum doctor_verdict check_kernel(const struct doctor_host *host, char *state)
{
        struct utsname system = { 0 };
        char path[512] = "";
        int fd = -1, r;

        (void)host;
        uname(&system);
        r = nsutil_exe(getpid(), path, sizeof path);
        if (r == 0)
                r = nsutil_open_in_root(getpid(), path, &fd);
        if (fd >= 0)
                close(fd);
        put_state(state, "%s %s, %s%s%s", system.sysname, system.release, system.machine,
                  r == 0 ? "" : "; openat2: ", r == 0 ? "" : nsutil_strerror(r));
        return r == 0 ? DOCTOR_FINE : DOCTOR_LESS;
}

/* Which sources of names exist and can be read, and which exist and cannot. */
static enum doctor_verdict check_names(const struct doctor_host *host, char *state)
{
        char readable[256] = "", refused[768] = "";
        struct find_source source;

        for (size_t i = 0; find_source(host->find, i, &source); i++) {
                size_t len = strlen(readable), refused_len = strlen(refused);
                if (source.error == 0)
                        snprintf(readable + len, sizeof readable - len, "%s%s", len ? "; " : "", source.name);
                else if (source.error != -ENOENT && source.error != -ENOTDIR)
                        snprintf(refused + refused_len, sizeof refused - refused_len, "%s%s (%.200s: %s)",
                                 refused_len ? "; " : "", source.name, source.path, strerror(-source.error));
        }
        if (*refused)
                put_state(state, "refused: %s%s%s", refused, *readable ? "; readable: " : "", readable);
        else
                put_state(state, "%s", *readable ? readable : "no runtime's files are here");
        return *refused || (!*readable && host->contained) ? DOCTOR_LESS : DOCTOR_FINE;
}

static enum doctor_verdict check_collector(const struct doctor_host *host, char *state)
{
        char reason[HTTP_CLIENT_REASON_SIZE] = "";
        const struct send_config config = {
                .client = { .url = host->collector,
                            .token_file = host->token_file,
                            .reason = reason,
                            .reason_size = sizeof reason },
                .protocol = host->protocol,
        };

        if (!host->collector)
                return DOCTOR_UNASKED;
        int r = send_probe(&config);
        put_state(state, "%s %s%s", host->collector, r == 0 ? "takes profiles" : "does not take profiles: ",
                  r == 0    ? ""
                  : *reason ? reason
                            : strerror(r < 0 ? -r : EINVAL));
        return r == 0 ? DOCTOR_FINE : DOCTOR_FAILED;
}

/* ---- the table ------------------------------------------------------------------------- */

/* README also has the rows of the capabilities. */
const struct doctor_check doctor_checks[] = {
        { "CAP_SYS_PTRACE", "reading other processes' memory (process_vm_readv) and maps",
          "only one's own processes, if Yama allows", NULL, NULL, check_ptrace },
        { "CAP_DAC_READ_SEARCH",
          "environ of other users (their OTEL_SERVICE_NAME), runtimes' files that are not root's",
          "services are named by container or program", NULL, NULL, check_dac },
        { "CAP_PERFMON", "the kernel's clock events for all processes; in mode wall its switches as well",
          "record: events of the target's threads, which miss short ones, or the timer tick; agent and mode wall: the "
          "timer tick; the coverage tells what is missed",
          NULL, NULL, check_perfmon },
        { "CAP_SYS_NICE", "SCHED_FIFO readers", "ordinary readers; the same correctness", NULL, NULL, check_nice },
        { "PID namespace", "seeing the machine's processes", "only the processes of this container are seen",
          "run podflame outside of it", "docker run --pid=host; Kubernetes: hostPID: true", check_pid_namespace },
        { "/proc", "seeing other users' processes", "they are not found: there is no such process, it seems",
          "run as root: sudo podflame …; or as a member of the group that /proc's mount option gid= names",
          "docker run --user root --cap-add SYS_PTRACE; Kubernetes: capabilities: {add: [SYS_PTRACE]}", check_hidepid },
        { "user namespace", "having the capabilities outside of this one", "processes outside of it stay closed",
          "run podflame outside of it", "docker run --userns=host; podman: as root; Kubernetes: hostUsers: true",
          check_user_namespace },
        { "Yama", "deciding who may read whose memory",
          "without CAP_SYS_PTRACE only one's own children, with 3 nothing",
          "sysctl kernel.yama.ptrace_scope=0 (3: in /etc/sysctl.d, and start the machine anew)",
          "on the host: sysctl kernel.yama.ptrace_scope=0", check_yama },
        { "AppArmor, SELinux", "deciding who may read whose memory", "processes outside of this profile stay closed",
          "aa-complain PROFILE; SELinux: setsebool deny_ptrace 0",
          "docker run --security-opt apparmor=unconfined; Kubernetes: appArmorProfile: {type: Unconfined}, "
          "seLinuxOptions: {type: spc_t}",
          check_label },
        { "seccomp", "letting process_vm_readv through", "nothing can be read", "run podflame without that filter",
          "with CAP_SYS_PTRACE the default profiles of Docker and containerd let it through", check_seccomp },
        { "CPUs", "a reader on each CPU, which threads cannot outrun",
          "threads on other CPUs are read while they run: more is torn, nothing is wrong",
          "run podflame outside of this cpuset", "give the container no cpuset", check_cpus },
        { "container names", "calling containers by their names", "containers are called by their ids",
          "run as root: sudo podflame …",
          "CAP_SYS_PTRACE and the host's PID namespace show them, or mounts: -v /var/lib/docker:/var/lib/docker:ro, "
          "Kubernetes: hostPath /var/log, read only",
          check_names },
        { "kernel", "opening files inside a container's root (openat2, Linux 5.6)",
          "programs that export no symbols are not recognised", "a newer kernel",
          "a newer kernel, or a seccomp profile that knows openat2", check_kernel },
        { "collector", "taking what the agent sends", "profiles wait, and are dropped in the end",
          "what --collector, --protocol and --token-file say has to fit the collector",
          "the same; and the network policy has to let the agent reach it", check_collector },
};

const size_t doctor_checks_n = sizeof doctor_checks / sizeof *doctor_checks;

void doctor_grant(const struct doctor_check *check, const struct doctor_host *host, char *ret, size_t size)
{
        const char *way = host->contained ? check->in_container : check->on_host;
        const char *cap = check->name + strlen("CAP_");

        if (check->check == check_perfmon && perf_takes_more(host))
                way = "on the host: sysctl kernel.perf_event_paranoid=2, and the same in /etc/sysctl.d; or grant "
                      "CAP_SYS_ADMIN, for which this kernel asks at higher levels";
        if (way)
                snprintf(ret, size, "%s", way);
        else if (host->contained)
                snprintf(ret, size, "docker run --cap-add %s; Kubernetes: capabilities: {add: [%s]}", cap, cap);
        else
                snprintf(ret, size, "run as root: sudo podflame …; systemd: AmbientCapabilities=%s", check->name);
}

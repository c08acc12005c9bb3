/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of the kernel in which threads sleep, as /proc/PID/wchan names them: the first one on the stack that is
 * not of the scheduler (not marked __sched). Names of Linux 4.14 to 6.18. A compiler may inline one into its caller:
 * then wchan has the caller's name, which has a row of its own or none. What it has changed of a function stands
 * behind a dot ("poll_schedule_timeout.constprop.0").
 *
 * Shared by several calls and therefore without a kind: do_sys_poll, do_select, poll_schedule_timeout and ep_poll,
 * which sleep for a time where no descriptor is watched; wait_woken, in which TCP, terminals and inotify wait.
 */
#include "nsutil/wait/parts.h"

#include <string.h>

/* Name, role, kind, thing, and the call that restart_syscall continues there. */
static const struct wait_channel channels[] = {
        /* kernel/time */
        { "hrtimer_nanosleep", CHANNEL_OF_CALL, NSUTIL_WAIT_SLEEP, NSUTIL_THING_UNKNOWN, "nanosleep" },
        { "do_nanosleep", CHANNEL_OF_CALL, NSUTIL_WAIT_SLEEP, NSUTIL_THING_UNKNOWN, "nanosleep" },
        { "hrtimer_nanosleep_restart", CHANNEL_OF_CALL, NSUTIL_WAIT_SLEEP, NSUTIL_THING_UNKNOWN, "nanosleep" },
        { "do_cpu_nanosleep", CHANNEL_OF_CALL, NSUTIL_WAIT_SLEEP, NSUTIL_THING_UNKNOWN, "nanosleep" },
        /*
         * What calls the functions of system calls. A compiler leaves no trace of a function whose last act is a call,
         * so hrtimer_nanosleep_restart() and what is above it do not show, and do_nanosleep() is of the scheduler. Of
         * the calls that restart_syscall continues, no other one ends so: all of them sleep in a function with a name.
         */
        { "do_syscall_64", CHANNEL_OF_CALL, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, "nanosleep" },
        { "x64_sys_call", CHANNEL_OF_CALL, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, "nanosleep" },
        { "__x64_sys_restart_syscall", CHANNEL_OF_CALL, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, "nanosleep" },
        { "__arm64_sys_restart_syscall", CHANNEL_OF_CALL, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, "nanosleep" },
        { "invoke_syscall", CHANNEL_OF_CALL, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, "nanosleep" },
        { "el0_svc_common", CHANNEL_OF_CALL, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, "nanosleep" },
        /* kernel/futex */
        { "futex_wait_queue_me", CHANNEL_OF_CALL, NSUTIL_WAIT_FUTEX, NSUTIL_THING_UNKNOWN, "futex" },
        { "futex_wait_queue", CHANNEL_OF_CALL, NSUTIL_WAIT_FUTEX, NSUTIL_THING_UNKNOWN, "futex" },
        { "futex_do_wait", CHANNEL_OF_CALL, NSUTIL_WAIT_FUTEX, NSUTIL_THING_UNKNOWN, "futex" },
        { "futex_wait", CHANNEL_OF_CALL, NSUTIL_WAIT_FUTEX, NSUTIL_THING_UNKNOWN, "futex" },
        { "__futex_wait", CHANNEL_OF_CALL, NSUTIL_WAIT_FUTEX, NSUTIL_THING_UNKNOWN, "futex" },
        { "futex_wait_restart", CHANNEL_OF_CALL, NSUTIL_WAIT_FUTEX, NSUTIL_THING_UNKNOWN, "futex" },
        { "futex_sleep_multiple", CHANNEL_OF_CALL, NSUTIL_WAIT_FUTEX, NSUTIL_THING_UNKNOWN, "futex" },
        { "futex_wait_multiple", CHANNEL_OF_CALL, NSUTIL_WAIT_FUTEX, NSUTIL_THING_UNKNOWN, "futex" },
        { "futex_lock_pi", CHANNEL_OF_CALL, NSUTIL_WAIT_FUTEX, NSUTIL_THING_UNKNOWN, "futex" },
        { "futex_wait_requeue_pi", CHANNEL_OF_CALL, NSUTIL_WAIT_FUTEX, NSUTIL_THING_UNKNOWN, "futex" },
        /* kernel/exit.c, kernel/fork.c */
        { "do_wait", CHANNEL_OF_CALL, NSUTIL_WAIT_CHILD, NSUTIL_THING_UNKNOWN, NULL },
        { "kernel_wait4", CHANNEL_OF_CALL, NSUTIL_WAIT_CHILD, NSUTIL_THING_UNKNOWN, NULL },
        { "kernel_waitid", CHANNEL_OF_CALL, NSUTIL_WAIT_CHILD, NSUTIL_THING_UNKNOWN, NULL },
        { "kernel_clone", CHANNEL_VFORK, NSUTIL_WAIT_CHILD, NSUTIL_THING_UNKNOWN, NULL },
        { "_do_fork", CHANNEL_VFORK, NSUTIL_WAIT_CHILD, NSUTIL_THING_UNKNOWN, NULL },
        { "wait_for_vfork_done", CHANNEL_VFORK, NSUTIL_WAIT_CHILD, NSUTIL_THING_UNKNOWN, NULL },
        /* kernel/signal.c */
        { "do_sigtimedwait", CHANNEL_OF_CALL, NSUTIL_WAIT_SIGNAL, NSUTIL_THING_UNKNOWN, NULL },
        { "sigsuspend", CHANNEL_OF_CALL, NSUTIL_WAIT_SIGNAL, NSUTIL_THING_UNKNOWN, NULL },
        { "__do_sys_pause", CHANNEL_OF_CALL, NSUTIL_WAIT_SIGNAL, NSUTIL_THING_UNKNOWN, NULL },
        { "__x64_sys_pause", CHANNEL_OF_CALL, NSUTIL_WAIT_SIGNAL, NSUTIL_THING_UNKNOWN, NULL },
        { "sys_pause", CHANNEL_OF_CALL, NSUTIL_WAIT_SIGNAL, NSUTIL_THING_UNKNOWN, NULL },
        { "do_signal_stop", CHANNEL_BEFORE, NSUTIL_WAIT_STOPPED, NSUTIL_THING_UNKNOWN, NULL },
        { "ptrace_stop", CHANNEL_BEFORE, NSUTIL_WAIT_STOPPED, NSUTIL_THING_UNKNOWN, NULL },
        { "do_freezer_trap", CHANNEL_BEFORE, NSUTIL_WAIT_FROZEN, NSUTIL_THING_UNKNOWN, NULL },
        { "get_signal", CHANNEL_BEFORE, NSUTIL_WAIT_FROZEN, NSUTIL_THING_UNKNOWN, NULL }, /* which calls that only */
        { "__refrigerator", CHANNEL_BEFORE, NSUTIL_WAIT_FROZEN, NSUTIL_THING_UNKNOWN, NULL },
        /* A supervisor of seccomp is asked whether the call may be made; a limit of memory or disk holds it up. */
        { "__seccomp_filter", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "seccomp_do_user_notification", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "__mem_cgroup_handle_over_high", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "mem_cgroup_handle_over_high", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "blkcg_maybe_throttle_current", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "blkcg_maybe_throttle_blkg", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        /* The way out of the kernel, and the way in (kernel/entry/common.c). */
        { "exit_to_user_mode_loop", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "exit_to_user_mode_prepare", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "syscall_exit_to_user_mode", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "irqentry_exit_to_user_mode", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "arch_do_signal_or_restart", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "do_notify_resume", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "task_work_run", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "syscall_trace_enter", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "do_coredump", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "coredump_wait", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "vfs_coredump", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "do_exit", CHANNEL_BEFORE, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        /* fs/locks.c, ipc/sem.c */
        { "flock_lock_inode_wait", CHANNEL_OF_CALL, NSUTIL_WAIT_LOCK, NSUTIL_THING_UNKNOWN, NULL },
        { "locks_lock_inode_wait", CHANNEL_OF_CALL, NSUTIL_WAIT_LOCK, NSUTIL_THING_UNKNOWN, NULL },
        { "posix_lock_inode_wait", CHANNEL_OF_CALL, NSUTIL_WAIT_LOCK, NSUTIL_THING_UNKNOWN, NULL },
        { "do_lock_file_wait", CHANNEL_OF_CALL, NSUTIL_WAIT_LOCK, NSUTIL_THING_UNKNOWN, NULL },
        { "fcntl_setlk", CHANNEL_OF_CALL, NSUTIL_WAIT_LOCK, NSUTIL_THING_UNKNOWN, NULL },
        { "do_semtimedop", CHANNEL_OF_CALL, NSUTIL_WAIT_LOCK, NSUTIL_THING_UNKNOWN, NULL },
        { "__do_semtimedop", CHANNEL_OF_CALL, NSUTIL_WAIT_LOCK, NSUTIL_THING_UNKNOWN, NULL },
        /* fs/pipe.c */
        { "pipe_read", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_PIPE, NULL },
        { "pipe_write", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_PIPE, NULL },
        { "anon_pipe_read", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_PIPE, NULL },
        { "anon_pipe_write", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_PIPE, NULL },
        { "pipe_wait", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_PIPE, NULL },
        { "pipe_wait_readable", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_PIPE, NULL },
        { "pipe_wait_writable", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_PIPE, NULL },
        { "wait_for_partner", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_PIPE, NULL },
        { "fifo_open", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_PIPE, NULL },
        /* net */
        { "unix_stream_read_generic", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "unix_stream_data_wait", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "unix_wait_for_peer", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "unix_stream_connect", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "unix_accept", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "sock_alloc_send_pskb", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "sock_wait_for_wmem", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "__skb_wait_for_more_packets", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "__skb_recv_udp", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "inet_csk_accept", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "inet_csk_wait_for_connect", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "inet_wait_for_connect", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "__inet_stream_connect", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "sk_wait_data", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "sk_stream_wait_memory", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "sk_stream_wait_connect", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "tcp_recvmsg_locked", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "tcp_recvmsg", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        { "tcp_sendmsg_locked", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SOCKET, NULL },
        /* What else has descriptors */
        { "eventfd_read", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_EVENTFD, NULL },
        { "eventfd_write", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_EVENTFD, NULL },
        { "timerfd_read", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_TIMERFD, NULL },
        { "timerfd_read_iter", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_TIMERFD, NULL },
        { "signalfd_read", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SIGNALFD, NULL },
        { "signalfd_read_iter", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SIGNALFD, NULL },
        { "signalfd_dequeue", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_SIGNALFD, NULL },
        { "inotify_read", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_INOTIFY, NULL },
        { "io_cqring_wait", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_URING, NULL },
        { "io_cqring_wait_schedule", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_URING, NULL },
        { "io_cqring_schedule_timeout", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_URING, NULL },
        { "read_events", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_UNKNOWN, NULL },
        { "do_msgrcv", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_UNKNOWN, NULL },
        { "do_msgsnd", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_UNKNOWN, NULL },
        { "wq_sleep", CHANNEL_OF_CALL, NSUTIL_WAIT_IO, NSUTIL_THING_UNKNOWN, NULL },
        { "do_sys_poll", CHANNEL_OF_CALL, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, "poll" },
        { "do_poll", CHANNEL_OF_CALL, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, "poll" },
        { "do_restart_poll", CHANNEL_OF_CALL, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, "poll" },
        { "poll_schedule_timeout", CHANNEL_OF_CALL, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, "poll" },
        /* mm */
        { "handle_userfault", CHANNEL_BEFORE, NSUTIL_WAIT_PAGE, NSUTIL_THING_UNKNOWN, NULL },
        { "folio_wait_bit_common", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "folio_wait_bit", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "__folio_lock_or_retry", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "wait_on_page_bit_common", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "wait_on_page_bit", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "__lock_page_or_retry", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "__lock_page_killable", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "__lock_page", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "migration_entry_wait_on_locked", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "do_swap_page", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "filemap_fault", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "__handle_mm_fault", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "handle_mm_fault", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "lock_mm_and_find_vma", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "do_user_addr_fault", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "do_page_fault", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "exc_page_fault", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "throttle_direct_reclaim", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        /* A file system that a program serves (fs/fuse): a read that may be of a mapped page */
        { "request_wait_answer", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
        { "__fuse_request_send", CHANNEL_MEMORY, NSUTIL_WAIT_UNKNOWN, NSUTIL_THING_UNKNOWN, NULL },
};

#define CHANNELS (sizeof(channels) / sizeof(*channels))

const struct wait_channel *nsutil_wait_channel_find(const char *name)
{
        size_t len = strcspn(name, ".");

        for (size_t i = 0; i < CHANNELS; i++)
                if (strlen(channels[i].name) == len && memcmp(channels[i].name, name, len) == 0)
                        return &channels[i];
        return NULL;
}

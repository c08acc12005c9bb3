/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metrics, in Prometheus' text format: a table of families, each with a function that writes its samples. The text
 * is made anew for each scrape.
 */
#include "agent/health/health.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The data of one scrape. */
struct view {
        const struct health_facts *facts;
        const struct health_usage *usage;
        const struct health_destination *destinations;
        const struct send_counters *counters; /* counters of each destination */
        size_t n_destinations;
};

struct family {
        const char *name, *type, *help;
        void (*put)(FILE *out, const struct family *family, const struct view *view);
        /* in place of @put: is called for each mode */
        void (*put_of_mode)(FILE *out, const struct family *family, const struct health_mode *mode);
        size_t field; /* offset of a uint64_t or a double, in the struct that @put uses */
};

/* ---- samples ----------------------------------------------------------------- */

/*
 * Writes a label's value; the caller writes the quotes. Characters that would confuse the format or a terminal are
 * replaced.
 */
static void put_value(FILE *out, const char *value)
{
        for (const char *c = value; *c; c++) {
                if (*c == '\\' || *c == '"')
                        fputc('\\', out);
                fputc(*c >= ' ' && *c <= '~' ? *c : '?', out);
        }
}

static void put_number_and_newline(FILE *out, double value)
{
        fprintf(out, " %.15g\n", value);
}

struct label {
        const char *name, *value; /* value NULL: it is left out */
};

static void put_labelled(FILE *out, const struct family *family, const struct label *labels, size_t n, double number)
{
        const char *before = "{";

        fputs(family->name, out);
        for (size_t i = 0; i < n; i++) {
                if (!labels[i].value)
                        continue;
                fprintf(out, "%s%s=\"", before, labels[i].name);
                put_value(out, labels[i].value);
                fputc('"', out);
                before = ",";
        }
        fputs(*before == ',' ? "}" : "", out);
        put_number_and_newline(out, number);
}

/* The same for labels in a list. */
#define PUT_LABELLED(out, family, number, ...)                           \
        put_labelled(out, family, (const struct label[]){ __VA_ARGS__ }, \
                     sizeof((const struct label[]){ __VA_ARGS__ }) / sizeof(struct label), (number))

static void put_unlabelled(FILE *out, const struct family *family, double number)
{
        fputs(family->name, out);
        put_number_and_newline(out, number);
}

static double read_whole_field(const void *base, size_t field)
{
        uint64_t value;

        memcpy(&value, (const char *)base + field, sizeof(value));
        return (double)value;
}

static double read_real_field(const void *base, size_t field)
{
        double value;

        memcpy(&value, (const char *)base + field, sizeof(value));
        return value;
}

/* ---- families ------------------------------------------------------------------ */

static void put_build(FILE *out, const struct family *family, const struct view *view)
{
        (void)view;
        PUT_LABELLED(out, family, 1, { "version", PODFLAME_VERSION });
}

static void put_targets(FILE *out, const struct family *family, const struct view *view)
{
        for (size_t i = 0; i < view->facts->n_targets; i++) {
                const struct health_targets *kind = &view->facts->targets[i];

                PUT_LABELLED(out, family, (double)kind->n, { "state", kind->state }, { "reason", kind->reason });
        }
}

static void put_mode_value(FILE *out, const struct family *family, const struct health_mode *mode, double number)
{
        PUT_LABELLED(out, family, number, { "mode", mode->name });
}

/* Writes one more label beside the mode. */
static void put_mode_part(FILE *out, const struct family *family, const struct health_mode *mode, const char *label,
                          const char *value, double number)
{
        PUT_LABELLED(out, family, number, { "mode", mode->name }, { label, value });
}

static void put_samples(FILE *out, const struct family *family, const struct health_mode *mode)
{
        const struct profile_counters *c = &mode->samples;
        const struct {
                const char *outcome;
                uint64_t n;
        } rows[] = {
                { "ok", c->ok },        { "retried", c->retried }, { "torn", c->torn },
                { "late", c->late },    { "gone", c->gone },       { "failed", c->failed },
                { "lost", mode->lost }, { "mixed", c->mixed },     { "unmerged", c->unmerged },
        };
        size_t n = sizeof(rows) / sizeof(*rows);

        /* The last two are there if native stacks are. */
        for (size_t i = 0; i < (c->mixed > 0 ? n : n - 2); i++)
                put_mode_part(out, family, mode, "outcome", rows[i].outcome, (double)rows[i].n);
}

/* field: of struct health_facts */
static void put_fact(FILE *out, const struct family *family, const struct view *view)
{
        put_unlabelled(out, family, read_whole_field(view->facts, family->field));
}

/* field: of struct health_mode */
static void put_mode_fact(FILE *out, const struct family *family, const struct health_mode *mode)
{
        put_mode_value(out, family, mode, read_whole_field(mode, family->field));
}

/* field: of struct health_mode, in nanoseconds */
static void put_mode_seconds(FILE *out, const struct family *family, const struct health_mode *mode)
{
        put_mode_value(out, family, mode, read_whole_field(mode, family->field) / 1e9);
}

/* A counter must not fall. So for the loss without a known reason its highest value is written. */
static void put_unsampled(FILE *out, const struct family *family, const struct health_mode *mode)
{
        struct profile_loss losses[PROFILE_LOSSES];

        profile_losses(&mode->samples, losses);
        losses[PROFILE_LOSSES - 1].ns = mode->unseen_ns;
        for (size_t i = 0; i < PROFILE_LOSSES; i++)
                put_mode_part(out, family, mode, "reason", losses[i].name, (double)losses[i].ns / 1e9);
        put_mode_part(out, family, mode, "reason", "left_out", (double)mode->samples.left_out_ns / 1e9);
}

/* Writes nothing if nothing ran. */
static void put_coverage(FILE *out, const struct family *family, const struct health_mode *mode)
{
        double coverage = profile_coverage(&mode->window);

        if (coverage >= 0)
                put_mode_value(out, family, mode, coverage);
}

static const char *text_or_null(const char *text)
{
        return *text ? text : NULL;
}

static void put_gil_waits(FILE *out, const struct family *family, const struct view *view)
{
        const struct health_gil_waits *waits = view->facts->gil_waits;

        for (size_t i = 0; waits && i < waits->n; i++) {
                const struct health_gil_wait *row = &waits->rows[i];

                PUT_LABELLED(out, family, row->ratio, { "k8s_namespace_name", text_or_null(row->pod_namespace) },
                             { "k8s_pod_name", text_or_null(row->pod) }, { "container_name", row->container });
        }
}

static void put_gil_untold(FILE *out, const struct family *family, const struct view *view)
{
        if (view->facts->gil_waits)
                put_unlabelled(out, family, (double)view->facts->gil_waits->untold);
}

static void put_rate(FILE *out, const struct family *family, const struct health_mode *mode)
{
        put_mode_value(out, family, mode, mode->rate);
}

static void put_max_rate(FILE *out, const struct family *family, const struct health_mode *mode)
{
        put_mode_value(out, family, mode, mode->max_rate);
}

/* field: of struct health_usage */
static void put_usage(FILE *out, const struct family *family, const struct view *view)
{
        put_unlabelled(out, family, read_whole_field(view->usage, family->field));
}

static void put_time(FILE *out, const struct family *family, const struct view *view)
{
        put_unlabelled(out, family, read_real_field(view->usage, family->field));
}

static void put_max_cpu(FILE *out, const struct family *family, const struct view *view)
{
        put_unlabelled(out, family, view->facts->budget.max_cpu);
}

/* field: of struct send_counters */
static void put_sending(FILE *out, const struct family *family, const struct view *view)
{
        for (size_t i = 0; i < view->n_destinations; i++)
                PUT_LABELLED(out, family, read_whole_field(&view->counters[i], family->field),
                             { "collector", view->destinations[i].url });
}

static uint64_t sum_dropped_batches(const struct send_counters *counters)
{
        uint64_t n = 0;

        for (size_t i = 0; i < SEND_LOSSES; i++)
                n += counters->lost[i];
        return n;
}

static void put_batches(FILE *out, const struct family *family, const struct view *view)
{
        for (size_t i = 0; i < view->n_destinations; i++) {
                const struct send_counters *c = &view->counters[i];
                const struct {
                        const char *outcome;
                        uint64_t n;
                } rows[] = { { "delivered", c->delivered },
                             { "dropped", sum_dropped_batches(c) },
                             { "divided", c->divided } };

                for (size_t j = 0; j < sizeof(rows) / sizeof(*rows); j++)
                        PUT_LABELLED(out, family, (double)rows[j].n, { "collector", view->destinations[i].url },
                                     { "outcome", rows[j].outcome });
        }
}

static void put_dropped(FILE *out, const struct family *family, const struct view *view)
{
        for (size_t i = 0; i < view->n_destinations; i++)
                for (enum send_loss loss = 0; loss < SEND_LOSSES; loss++)
                        PUT_LABELLED(out, family, (double)view->counters[i].lost[loss],
                                     { "collector", view->destinations[i].url }, { "reason", send_loss_name(loss) });
}

#define FACT(member) .put = put_fact, .field = offsetof(struct health_facts, member)
#define MODE(member) .put_of_mode = put_mode_fact, .field = offsetof(struct health_mode, member)
#define SECONDS(member) .put_of_mode = put_mode_seconds, .field = offsetof(struct health_mode, member)
#define USAGE(member) .put = put_usage, .field = offsetof(struct health_usage, member)
#define TIME(member) .put = put_time, .field = offsetof(struct health_usage, member)
#define SENDING(member) .put = put_sending, .field = offsetof(struct send_counters, member)

static const struct family families[] = {
        { "podflame_build_info", "gauge", "1, with the version as label.", .put = put_build },
        { "podflame_targets", "gauge", "Python processes, by whether they are sampled and why not.",
          .put = put_targets },
        { "podflame_starved_processes", "gauge",
          "Python processes that are not looked at for want of file descriptors.", FACT(starved) },
        { "podflame_disbelieved_processes", "gauge",
          "Python processes whose cgroup has the name of a container that is elsewhere.", FACT(disbelieved) },
        { "podflame_rate_hertz", "gauge",
          "Samples per second of each CPU, in mode wall of each thread, as the budget allows.",
          .put_of_mode = put_rate },
        { "podflame_rate_asked_hertz", "gauge", "Samples per second that were asked for.",
          .put_of_mode = put_max_rate },
        { "podflame_ticks_total", "counter", "Moments at which a Python thread was to be read.", MODE(samples.ticks) },
        { "podflame_samples_total", "counter",
          "What became of them: ok, of these retried, mixed and unmerged, torn, gone, failed; late or lost ones are "
          "not in the ticks.",
          .put_of_mode = put_samples },
        { "podflame_cpu_accounted_seconds_total", "counter",
          "CPU time of the targets as the kernel accounts it (mode wall: time of threads; gil: of processes).",
          SECONDS(samples.accounted_ns) },
        { "podflame_cpu_sampled_seconds_total", "counter", "Time that samples stand for.",
          SECONDS(samples.sampled_ns) },
        { "podflame_cpu_unsampled_seconds_total", "counter",
          "Accounted time without a sample, by reason; left_out: by --no-native, --no-idle-workers.",
          .put_of_mode = put_unsampled },
        { "podflame_coverage_ratio", "gauge",
          "Part of the accounted time that samples stand for, in the last window in which anything ran.",
          .put_of_mode = put_coverage },
        { "podflame_gil_wait_ratio", "gauge",
          "Of the time for which a container's Python threads ran or waited for the GIL, the part they waited, in the "
          "last window of mode wall.",
          .put = put_gil_waits },
        { "podflame_gil_untold_containers", "gauge",
          "Containers without that ratio: what threads waited for is unknown, or more than 256 have one.",
          .put = put_gil_untold },
        { "podflame_windows_total", "counter", "Windows whose profiles were made.", FACT(windows) },
        { "podflame_failed_windows_total", "counter", "Windows whose profiles could not be made.",
          FACT(failed_windows) },
        { "podflame_log_suppressed_total", "counter", "Lines of the log that were one too many.",
          FACT(log_suppressed) },
        { "podflame_cpu_limit_ratio", "gauge", "CPUs that podflame may take (--max-cpu), 0: no bound.",
          .put = put_max_cpu },
        { "podflame_memory_limit_bytes", "gauge", "Memory that podflame may take (--max-memory), 0: no bound.",
          FACT(budget.max_memory) },
        { "podflame_trims_total", "counter", "Times that caches were emptied to stay below it.", FACT(trims) },
        { "podflame_batches_total", "counter", "What became of the batches for a collector.", .put = put_batches },
        { "podflame_sent_bytes_total", "counter", "Delivered, as sent.", SENDING(bytes) },
        { "podflame_retries_total", "counter", "Attempts after a batch's first.", SENDING(retried) },
        { "podflame_unsure_total", "counter",
          "Requests that the collector may have stored without saying so, and that are sent again.", SENDING(unsure) },
        { "podflame_dropped_batches_total", "counter", "Batches that were lost.", .put = put_dropped },
        { "podflame_waiting_batches", "gauge", "Batches that wait to be delivered.", SENDING(waiting) },
        { "podflame_waiting_bytes", "gauge", "Their bytes in memory.", SENDING(waiting_bytes) },
        { "podflame_spool_bytes", "gauge", "Their bytes on disk.", SENDING(spool_bytes) },
        { "podflame_spool_files", "gauge", "Their files on disk.", SENDING(spool_files) },
        { "podflame_spool_failures_total", "counter", "Batches that the disk did not take: they wait in memory.",
          SENDING(spool_failed) },
        { "podflame_threads", "gauge", "Threads of podflame.", USAGE(threads) },
        { "process_cpu_seconds_total", "counter", "CPU time of podflame, user and system.", TIME(cpu_s) },
        { "process_resident_memory_bytes", "gauge", "Memory of podflame.", USAGE(rss_bytes) },
        { "process_open_fds", "gauge", "Open file descriptors of podflame.", USAGE(fds) },
        { "process_start_time_seconds", "gauge", "When podflame was started, since the epoch.", TIME(start_time_s) },
};

/* ---- the text -------------------------------------------------------------------- */

static void put_families(FILE *out, const struct view *view)
{
        for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
                const struct family *family = &families[i];

                fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name, family->type);
                if (family->put)
                        family->put(out, family, view);
                for (size_t j = 0; family->put_of_mode && j < view->facts->n_modes; j++)
                        family->put_of_mode(out, family, &view->facts->modes[j]);
        }
}

char *health_metrics(const struct health_facts *facts, const struct health_usage *usage,
                     const struct health_destination *destinations, size_t n_destinations, size_t *ret_len)
{
        struct send_counters *counters = calloc(n_destinations + 1, sizeof(*counters));
        char *text = NULL;
        size_t len = 0;
        FILE *out = counters ? open_memstream(&text, &len) : NULL;

        if (!out) {
                free(counters);
                return NULL;
        }
        for (size_t i = 0; i < n_destinations; i++)
                send_counters(destinations[i].send, &counters[i]);
        put_families(out, &(struct view){ facts, usage, destinations, counters, n_destinations });
        free(counters);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        *ret_len = len;
        return text;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_OTLP_H
#define FORMAT_OTLP_H

/* Names of OTLP's attributes. The reader knows all that the writer writes. */

#define OTLP_SCOPE "podflame"

/* Attributes of a profile. The counters are attributes, too, by their names: "podflame.torn". */
#define OTLP_PREFIX "podflame."
#define OTLP_MODE OTLP_PREFIX "mode"
#define OTLP_ENGINE OTLP_PREFIX "engine"
/* for people; it follows from the counters, and is there if time was accounted */
#define OTLP_COVERAGE OTLP_PREFIX "coverage"

/* Attributes of a sample. */
#define OTLP_THREAD_NAME "thread.name"
#define OTLP_THREAD_ID "thread.id"
#define OTLP_THREAD_STATE "thread.state" /* only if idle */
#define OTLP_IDLE "idle"
/* the number of samples, where it does not follow from their time and the period */
#define OTLP_SAMPLES OTLP_PREFIX "samples"
#define OTLP_SAMPLE_IDLE OTLP_PREFIX "idle" /* 1: the same as a number, which makes no label */
/* why an idle thread does not run, one word; for receivers: it follows from the leaf frame */
#define OTLP_WAIT OTLP_PREFIX "wait"

/* Attributes of a location. */
#define OTLP_FRAME_TYPE "profile.frame.type"
#define OTLP_CPYTHON "cpython"
#define OTLP_NATIVE "native"
#define OTLP_KERNEL "kernel"

/* Attributes of a mapping. */
#define OTLP_BUILD_ID "process.executable.build_id.gnu"

/* Attributes of a resource. */
#define OTLP_SERVICE "service.name"
#define OTLP_PID "process.pid"       /* this and the next two are integers */
#define OTLP_RUN OTLP_PREFIX "run"   /* number of the recording's run, from 0 */
#define OTLP_RATE OTLP_PREFIX "rate" /* requested samples a second */

#endif

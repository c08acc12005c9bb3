/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_OTLP_H
#define FORMAT_OTLP_H

/* Names on the wire. The reader knows all that the writer writes. */

#define OTLP_SCOPE "podflame"

/* Attributes of a profile; besides these, the counters by name: "podflame.torn". */
#define OTLP_PREFIX "podflame."
#define OTLP_MODE OTLP_PREFIX "mode"
#define OTLP_ENGINE OTLP_PREFIX "engine"
#define OTLP_COVERAGE OTLP_PREFIX "coverage" /* for who looks; it follows from the counters, where time was accounted */

/* Attributes of a sample. */
#define OTLP_THREAD_NAME "thread.name"
#define OTLP_THREAD_ID "thread.id"
#define OTLP_THREAD_STATE "thread.state" /* only if idle */
#define OTLP_IDLE "idle"

/* Attributes of a location. */
#define OTLP_FRAME_TYPE "profile.frame.type"
#define OTLP_CPYTHON "cpython"

/* Attributes of a resource. */
#define OTLP_SERVICE "service.name"
#define OTLP_PID "process.pid"       /* these three are integers */
#define OTLP_RUN OTLP_PREFIX "run"   /* which of a recording's runs, from 0 */
#define OTLP_RATE OTLP_PREFIX "rate" /* samples a second that were asked for */

#endif

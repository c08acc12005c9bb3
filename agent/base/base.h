/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_H
#define BASE_H

/*
 * base: what several rooms need and no room owns. Nothing here knows about profiles or processes.
 *
 *   clock        nanoseconds of a clock
 *   escape       untrusted text, made safe to print
 *   gzip         packing and unpacking
 *   json_read    typed access to untrusted JSON
 *   json_value   untrusted JSON, parsed into memory of a known size
 *   json_write   JSON made with json-c
 */

#include "agent/base/clock.h"
#include "agent/base/escape.h"
#include "agent/base/gzip.h"
#include "agent/base/json_read.h"
#include "agent/base/json_value.h"
#include "agent/base/json_write.h"

#endif

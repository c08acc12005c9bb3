/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_LOG_JSON_H
#define COMMAND_LOG_JSON_H

/* {"time", "level", "message"} in one line; malloc, NULL: out of memory. */
char *log_json(const char *level, const char *message);

#endif

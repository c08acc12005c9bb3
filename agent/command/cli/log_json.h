/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LOG_JSON_H
#define CLI_LOG_JSON_H

/* {"time", "level", "message"} in one line; malloc, NULL: out of memory. */
char *log_json(const char *level, const char *message);

#endif

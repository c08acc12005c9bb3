/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LOG_JSON_H
#define CLI_LOG_JSON_H

/* Makes {"time", "level", "message"} in one line, allocated. NULL if memory ran out. */
char *log_json(const char *level, const char *message);

#endif

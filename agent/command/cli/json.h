/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

/* JSON of what commands print. Objects are json-c's; memory that runs out ends the program. */

#include "agent/find/find.h"
#include "pystack/pystack.h"

#include <stdbool.h>

struct json_object;

struct json_object *json_map(void);
struct json_object *json_list(void);
void json_append(struct json_object *list, struct json_object *item);
/* Appends @item to the list @key of @object, which is made if need be. */
void json_add(struct json_object *object, const char *key, struct json_object *item);

/* {pid, start_time, python, executable, command, container_id, …, threads: []} */
struct json_object *json_of_process(const struct find_process *process);

/*
 * {tid, name, state, gil, frames: [{function, file, line}], truncated}; @stack NULL: frames is null.
 * A line that is not known is null. @name is escaped, see pystack_escape(); the object has the true one.
 */
struct json_object *json_of_thread(pid_t tid, const char *name, const char *state, bool gil, struct pystack *py,
                                   const struct pystack_stack *stack);

/* "" becomes null. */
void json_put_text(struct json_object *object, const char *key, const char *text);
void json_put_flag(struct json_object *object, const char *key, bool flag);

/* Prints and frees it. */
void json_print(struct json_object *json);

#endif

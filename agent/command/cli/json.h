/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

/* JSON of the commands' output. Objects are json-c's. If memory runs out, the program ends. */

#include "agent/find/find.h"
#include "pystack/pystack.h"

#include <stdbool.h>

struct json_object;

struct json_object *json_map(void);
struct json_object *json_list(void);
void json_append(struct json_object *list, struct json_object *item);
/* Appends @item to the list @key of @object. The list is made if needed. */
void json_add(struct json_object *object, const char *key, struct json_object *item);

/* Makes {pid, start_time, python, executable, command, container_id, …, threads: []}. */
struct json_object *json_of_process(const struct find_process *process);

/*
 * Makes {tid, name, state, gil, frames: [{function, file, line}], truncated}. If @stack is NULL, frames is null. A line
 * that is not known is null. @name is escaped, see pystack_escape(); the object has the original name.
 */
struct json_object *json_of_thread(pid_t tid, const char *name, const char *state, bool gil, struct pystack *py,
                                   const struct pystack_stack *stack);

/* Appends {function, file, line} to a list. Both names are escaped, see pystack_escape(). Returns it, for more members. */
struct json_object *json_append_frame(struct json_object *frames, const char *function, const char *file,
                                      uint32_t line);
/* Appends frame @i of a Python stack. */
void json_append_python(struct json_object *frames, struct pystack *py, const struct pystack_stack *stack, size_t i);

/* Puts a text. "" becomes null. */
void json_put_text(struct json_object *object, const char *key, const char *text);
/* The same for a name that is escaped, see pystack_escape(). The object has the original name. */
void json_put_name(struct json_object *object, const char *key, const char *escaped);
void json_put_flag(struct json_object *object, const char *key, bool flag);
void json_put_number(struct json_object *object, const char *key, int64_t number);
void json_put_real(struct json_object *object, const char *key, double number);
void json_append_text(struct json_object *list, const char *text);
/* Takes @item over. */
void json_put(struct json_object *object, const char *key, struct json_object *item);

/* Prints @json and frees it. */
void json_print(struct json_object *json);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json-c, for the commands that print JSON. The readers of targets' texts have made them valid UTF-8. Names that were
 * escaped reversibly are unescaped here, since JSON can hold the original names.
 */
#include "json.h"

#include "explanations.h"
#include "messages.h"

#include "agent/format/format.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the program if memory ran out: half an answer would look like a whole one. */
static void exit_without_memory(bool had_memory)
{
        if (!had_memory)
                exit(say_error("out of memory"));
}

static struct json_object *require_json(struct json_object *json)
{
        exit_without_memory(json);
        return json;
}

static void set_member(struct json_object *object, const char *key, struct json_object *value)
{
        exit_without_memory(json_object_object_add(object, key, value) == 0);
}

void json_put_text(struct json_object *object, const char *key, const char *text)
{
        set_member(object, key, *text ? require_json(json_object_new_string(text)) : NULL);
}

static void put_name(struct json_object *object, const char *key, const char *escaped)
{
        char *name = format_true_name(escaped);

        set_member(object, key, require_json(name ? json_object_new_string(name) : NULL));
        free(name);
}

void json_put_name(struct json_object *object, const char *key, const char *escaped)
{
        if (*escaped)
                put_name(object, key, escaped);
        else
                set_member(object, key, NULL);
}

void json_put_flag(struct json_object *object, const char *key, bool flag)
{
        set_member(object, key, require_json(json_object_new_boolean(flag)));
}

void json_put_real(struct json_object *object, const char *key, double number)
{
        set_member(object, key, require_json(json_object_new_double(number)));
}

void json_append_text(struct json_object *list, const char *text)
{
        json_append(list, require_json(json_object_new_string(text)));
}

void json_put_number(struct json_object *object, const char *key, int64_t number)
{
        set_member(object, key, require_json(json_object_new_int64(number)));
}

void json_put(struct json_object *object, const char *key, struct json_object *item)
{
        set_member(object, key, item);
}

struct json_object *json_map(void)
{
        return require_json(json_object_new_object());
}

struct json_object *json_list(void)
{
        return require_json(json_object_new_array());
}

void json_append(struct json_object *list, struct json_object *item)
{
        exit_without_memory(json_object_array_add(list, item) == 0);
}

void json_add(struct json_object *object, const char *key, struct json_object *item)
{
        struct json_object *list;

        if (!json_object_object_get_ex(object, key, &list)) {
                list = json_list();
                set_member(object, key, list);
        }
        json_append(list, item);
}

struct json_object *json_of_process(const struct find_process *p)
{
        struct json_object *json = json_map();
        char version[32];

        format_version(p->info.version, version, sizeof version);
        set_member(json, "pid", require_json(json_object_new_int(p->pid)));
        set_member(json, "start_time", require_json(json_object_new_int64((int64_t)p->start_time)));
        json_put_text(json, "python", version);
        json_put_name(json, "executable", p->exe);
        json_put_name(json, "command", p->cmdline);
        json_put_text(json, "container_id", p->container_id);
        json_put_text(json, "claimed_container_id", p->claimed_id);
        json_put_text(json, "container_name", p->container_name);
        json_put_text(json, "image", p->image);
        json_put_text(json, "namespace", p->pod_namespace);
        json_put_text(json, "pod", p->pod);
        json_put_text(json, "k8s_container", p->k8s_container);
        json_put_text(json, "service", p->service);
        return json;
}

struct json_object *json_append_frame(struct json_object *frames, const char *function, const char *file, uint32_t line)
{
        struct json_object *frame = json_map();

        put_name(frame, "function", function);
        put_name(frame, "file", file);
        set_member(frame, "line", line > 0 ? require_json(json_object_new_int64(line)) : NULL);
        json_append(frames, frame);
        return frame;
}

void json_append_python(struct json_object *frames, struct pystack *py, const struct pystack_stack *stack, size_t i)
{
        struct pystack_text text;

        if (stack->gc_certain && stack->gc_at == i)
                json_append_frame(frames, PYSTACK_GC_NAME, "", 0);
        pystack_text(stack->frames[i].code, &text);
        json_append_frame(frames, text.name, text.file, pystack_line(py, &stack->frames[i]));
}

static struct json_object *make_json_frames(struct pystack *py, const struct pystack_stack *stack)
{
        struct json_object *frames = json_list();

        for (size_t i = 0; i < stack->n; i++)
                json_append_python(frames, py, stack, i);
        return frames;
}

struct json_object *json_of_thread(pid_t tid, const char *name, const char *state, bool gil, struct pystack *py,
                                   const struct pystack_stack *stack)
{
        struct json_object *json = json_map();

        set_member(json, "tid", require_json(json_object_new_int(tid)));
        json_put_name(json, "name", name);
        json_put_text(json, "state", state);
        json_put_flag(json, "gil", gil);
        set_member(json, "frames", stack ? make_json_frames(py, stack) : NULL);
        json_put_flag(json, "truncated", stack && stack->truncated);
        return json;
}

void json_print(struct json_object *json)
{
        const char *text = json_object_to_json_string_ext(json,
                                                          JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);

        exit_without_memory(text);
        puts(text);
        json_object_put(json);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAMPLE_TABLE_LOCK_H
#define SAMPLE_TABLE_LOCK_H

#include <pthread.h>
#include <stdbool.h>

/*
 * The lock of the table of targets. Readers of ticks have real-time priority, and whoever writes to the table may be kept
 * from every CPU by others. The kernel knows no inheritance for a lock of several readers. So a writer holds a second lock
 * as well, and a reader that meets a writer waits for that one: then the writer runs with the reader's priority.
 */
struct table_lock {
        pthread_rwlock_t table;
        pthread_mutex_t writer;
};
void table_init(struct table_lock *lock);
void table_deinit(struct table_lock *lock);
void table_read(struct table_lock *lock);
void table_read_end(struct table_lock *lock);
void table_write(struct table_lock *lock);
bool table_try_write(struct table_lock *lock); /* without waiting */
void table_write_end(struct table_lock *lock);

#endif

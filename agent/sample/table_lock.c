/* SPDX-License-Identifier: Apache-2.0 */
#include "table_lock.h"

#include "internal.h"

void table_init(struct table_lock *lock)
{
        pthread_rwlock_init(&lock->table, NULL);
        inheriting_lock_init(&lock->writer);
}

void table_deinit(struct table_lock *lock)
{
        pthread_rwlock_destroy(&lock->table);
        pthread_mutex_destroy(&lock->writer);
}

void table_read(struct table_lock *lock)
{
        if (pthread_rwlock_tryrdlock(&lock->table) == 0)
                return;
        pthread_mutex_lock(&lock->writer);
        pthread_rwlock_rdlock(&lock->table);
        pthread_mutex_unlock(&lock->writer);
}

void table_read_end(struct table_lock *lock)
{
        pthread_rwlock_unlock(&lock->table);
}

void table_write(struct table_lock *lock)
{
        pthread_mutex_lock(&lock->writer);
        pthread_rwlock_wrlock(&lock->table);
}

bool table_try_write(struct table_lock *lock)
{
        if (pthread_mutex_trylock(&lock->writer) != 0)
                return false;
        if (pthread_rwlock_trywrlock(&lock->table) == 0)
                return true;
        pthread_mutex_unlock(&lock->writer);
        return false;
}

void table_write_end(struct table_lock *lock)
{
        pthread_rwlock_unlock(&lock->table);
        pthread_mutex_unlock(&lock->writer);
}

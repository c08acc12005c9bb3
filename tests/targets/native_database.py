# SPDX-License-Identifier: Apache-2.0
"""psycopg2 and PostgreSQL: one thread waits for a slow query, the main thread asks quick ones all the time."""

import threading

import psycopg2


def connect():
    return psycopg2.connect(host="127.0.0.1", user="postgres", dbname="postgres")


def wait_for_answer():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(600)")


def ask(cursor):
    cursor.execute("SELECT generate_series(1, 2000)")
    return len(cursor.fetchall())


if __name__ == "__main__":
    threading.Thread(target=wait_for_answer, name="waiter", daemon=True).start()
    with connect() as own, own.cursor() as quick:
        print("ready", flush=True)
        while ask(quick) == 2000:
            pass

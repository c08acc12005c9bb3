#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# PostgreSQL on 127.0.0.1:5432, which trusts everybody, and then a command: postgres_start.sh COMMAND...
# The database is the one that Debian's package has made. What it says is not of interest, unless it does not start.
set -e
folder=$(mktemp -d)
echo "host all all 127.0.0.1/32 trust" >"$folder/hba"
chown -R postgres "$folder"
setpriv --reuid postgres --regid postgres --init-groups /usr/lib/postgresql/15/bin/pg_ctl start -w -l "$folder/log" \
        -D /var/lib/postgresql/15/main -o "-c config_file=/etc/postgresql/15/main/postgresql.conf -c hba_file=$folder/hba \
        -c listen_addresses=127.0.0.1 -c port=5432 -c unix_socket_directories= -c ssl=off -c fsync=off -c jit=off" \
        >/dev/null || { cat "$folder/log"; exit 1; }
exec "$@"

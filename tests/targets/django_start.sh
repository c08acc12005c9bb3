#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# PostgreSQL, and gunicorn with THREADS on port 8000: django_start.sh THREADS.
exec sh "$(dirname "$0")/postgres_start.sh" gunicorn --threads "$1" --bind 127.0.0.1:8000 django_app:application 2>&1

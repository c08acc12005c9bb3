# SPDX-License-Identifier: Apache-2.0
"""A Django application whose database is slow; listens to nothing itself.

Truth: every request waits in slow() for a query of 0.3 s, at a socket to 127.0.0.1:5432. Django's CursorWrapper asks the
query. The connection is the thread's own, and stays open.
"""
import sys

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[], USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres",
                           "HOST": "127.0.0.1", "PORT": "5432", "CONN_MAX_AGE": None}})
django.setup()


def slow(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.3)")
    return HttpResponse(b"done\n", content_type="text/plain")


urlpatterns = [path("", slow)]
application = get_wsgi_application()
sys.stderr.write("ready\n")
sys.stderr.flush()

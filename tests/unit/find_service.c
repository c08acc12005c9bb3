/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/find/internal.h"
#include "tests/unit/find_attributes.h"
#include "tests/unit/support/guard.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE(find_service);

#define ARGS(text) text "\0", sizeof(text)

Test(find_service, programs)
{
        static const struct {
                const char *exe, *args;
                size_t len;
                const char *expected;
        } cases[] = {
                { "/usr/bin/python3.11", ARGS("python3\0/app/manage.py\0runserver"), "manage.py" },
                { "/usr/bin/python3.11", ARGS("/usr/bin/python3\0/usr/local/bin/gunicorn\0app:app"), "gunicorn" },
                { "/usr/bin/python3.11", ARGS("python\0-m\0gunicorn\0app:app"), "gunicorn" },
                { "/usr/bin/python3.11", ARGS("python\0-mgunicorn\0app:app"), "gunicorn" },
                { "/usr/bin/python3.11", ARGS("python\0-Bum\0celery.worker"), "celery.worker" },
                { "/usr/bin/python3.11", ARGS("python\0-u\0-X\0dev\0-Wignore\0-W\0error\0a.py\0-m\0b"), "a.py" },
                { "/usr/bin/python3.11", ARGS("python\0--check-hash-based-pycs\0never\0a.py"), "a.py" },
                { "/usr/bin/python3.11", ARGS("python\0--\0a.py"), "a.py" },
                { "/usr/bin/python3.11", ARGS("python\0/app/shop/__main__.py"), "shop" },
                { "/usr/bin/python3.11", ARGS("python\0__main__.py"), "__main__.py" },
                { "/usr/bin/python3.11", ARGS("python\0-c\0print(1)\0x.py"), "python3.11" },
                { "/usr/bin/python3.11", ARGS("python\0-Ic\0print(1)"), "python3.11" },
                { "/usr/bin/python3.11", ARGS("python\0-"), "python3.11" },
                { "/usr/bin/python3.11", ARGS("python\0-m"), "python3.11" },
                { "/usr/bin/python3.11", ARGS("python\0--"), "python3.11" },
                { "/usr/bin/python3.11", ARGS("python\0-X"), "python3.11" },
                { "/usr/bin/python3.11", ARGS("python\0"), "python3.11" },
                { "/usr/bin/python3.11", ARGS("python\0we\033b.py"), "we?b.py" },
                /* a name of the caller's choice, and titles */
                { "/usr/bin/python3.11", ARGS("web\0a.py"), "a.py" },
                { "/usr/bin/python3.11", ARGS("gunicorn: worker [app]"), "gunicorn" },
                { "/usr/bin/python3.11", ARGS("[celeryd: w@host:Main] -active-"), "celeryd" },
                { "/usr/bin/python3.11", ARGS(": x"), "python3.11" },
                /* not Python by name */
                { "/usr/bin/uwsgi", ARGS("uwsgi\0--ini\0a.ini"), "uwsgi" },
                { "/usr/bin/python3", "", 0, "python3" },
                { "", "", 0, "" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                char name[FIND_NAME_SIZE] = "untouched";

                find_program_name(cases[i].exe, guard_copy(cases[i].args, cases[i].len), cases[i].len, name,
                                  sizeof(name));
                cr_expect_str_eq(name, cases[i].expected, "%zu: %s instead of %s", i, name, cases[i].expected);
        }
}

Test(find_service, hostile_arguments)
{
        srand(5);
        for (int i = 0; i < 3000; i++) {
                char args[40], name[16];
                size_t len = (size_t)rand() % sizeof(args);

                for (size_t j = 0; j < len; j++)
                        args[j] = "-mcWX\0\0a/.[: \377"[rand() % 15];
                find_program_name("/usr/bin/python3", guard_copy(args, len), len, name, sizeof(name));
                cr_assert_lt(strlen(name), sizeof(name));
                cr_assert_gt(strlen(name), 0u);
        }
}

static void parse(const char *text, struct find_process *ret)
{
        *ret = (struct find_process){ 0 };
        find_resource_parse(guard_copy(text, strlen(text)), strlen(text), ret);
}

Test(find_service, resource_attributes)
{
        static const struct {
                const char *text, *service, *rest;
        } cases[] = {
                { "service.name=shop", "shop", "" },
                { "service.version=1.2,service.name=sh%6Fp%20x,deployment.environment=prod", "shop x",
                  "service.version=1.2;deployment.environment=prod;" },
                { " a = b , c=d=e ", "", "a=b;c=d=e;" },
                { "a=%zz%4,b=%e2%82%ac,c=%1b%00", "", "a=%zz%4;b=\xe2\x82\xac;c=??;" },
                { "a=1,a=2", "", "a=1;" },
                { "a=,=b,c,,d=1", "", "d=1;" },
                /* where it runs is not for it to say */
                { "k8s.pod.name=victim,container.id=x,host.name=y,process.pid=1,K8S.pod.name=z,a=1", "", "a=1;" },
                { "k8s_pod_name=victim,Host_name=x,namespace=victim,Pod=x,node=y,workload=z,container=w,pods=1", "",
                  "pods=1;" },
                { "podflame.x=1,telemetry.sdk.name=otel", "", "" },
                { "service_name=x,Service.Name=y,service.names=z,service.namespace=shops", "",
                  "service.names=z;service.namespace=shops;" },
                { "a\033b=1,a b=2,\xc3\xa9=3", "", "" },
                { "", "", "" },
                { ",,,", "", "" },
                { "%=%,a/b=%", "", "a/b=%;" },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct find_process process;

                parse(cases[i].text, &process);
                cr_expect_str_eq(process.service, cases[i].service, "%s", cases[i].text);
                cr_expect_str_eq(attributes_list(&process), cases[i].rest, "%s: %s", cases[i].text,
                                 attributes_list(&process));
        }
}

Test(find_service, resource_attributes_are_bounded)
{
        static char text[64 << 10];
        struct find_process process;
        size_t at = 0;
        unsigned n = 0;
        const char *key, *value = NULL;

        for (int i = 0; i < 300; i++)
                at += (size_t)snprintf(text + at, sizeof(text) - at, "k%d=%0200d,", i, i);
        parse(text, &process);
        while (find_resource_next(&process, &key, &value))
                n++;
        cr_expect(n > 2 && n <= 16, "%u", n);
        memset(text, 'v', sizeof(text) - 1);
        memcpy(text, "a=", 2);
        parse(text, &process);
        cr_expect_str_neq(attributes_list(&process), "");
        memset(text, 'k', sizeof(text) - 3);
        memcpy(text + sizeof(text) - 3, "=1", 3);
        parse(text, &process);
        cr_expect_str_eq(attributes_list(&process), "");
}

Test(find_service, what_is_set_stays)
{
        struct find_process process = { .service = "by-name" };

        find_resource_parse("service.name=other", 18, &process);
        cr_expect_str_eq(process.service, "by-name");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers, and names that would take for ever. */
#include "agent/symbol/symbol.h"
#include "tests/unit/support/suite.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

SUITE(symbol_demangle);

static void expect_name(const char *raw, enum symbol_language language, const char *name)
{
        char plain[SYMBOL_NAME_SIZE];

        cr_expect_eq(symbol_demangle(raw, plain, sizeof(plain)), language, "%s", raw);
        cr_expect_str_eq(plain, name, "%s: %s", raw, plain);
}

Test(symbol_demangle, known_answers)
{
        static const struct {
                const char *raw, *name;
                enum symbol_language language;
        } cases[] = {
                { "_PyEval_EvalFrameDefault", "_PyEval_EvalFrameDefault", SYMBOL_C },
                { "_PyEval_EvalFrameDefault.cold", "_PyEval_EvalFrameDefault", SYMBOL_C },
                { "sort.constprop.0.isra.1", "sort", SYMBOL_C },
                { "visit.part.0.llvm.1234567", "visit", SYMBOL_C },
                { ".cold", ".cold", SYMBOL_C },
                { "main.main", "main.main", SYMBOL_C },
                { "_Z", "_Z", SYMBOL_C },
                { "_ZN3foo", "_ZN3foo", SYMBOL_C },
                { "a\tb\\c\xff", "a\\x09b\\\\c\\xff", SYMBOL_C },
                { "_ZN3foo3barEii", "foo::bar", SYMBOL_CPP },
                { "_ZN3foo3barEii.part.0", "foo::bar", SYMBOL_CPP },
                { "_ZN12_GLOBAL__N_13runEv", "(anonymous namespace)::run", SYMBOL_CPP },
                { "_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int> >::push_back",
                  SYMBOL_CPP },
                { "_ZN5ThingC2Ev", "Thing::Thing", SYMBOL_CPP },
                { "_ZNK3FoocvbEv", "Foo::operator bool", SYMBOL_CPP },
                { "_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt", SYMBOL_RUST },
                { "_RNvC6_123foo3bar", "123foo::bar", SYMBOL_RUST },
                { "_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar", SYMBOL_RUST },
                { "_R", "_R", SYMBOL_C },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                expect_name(cases[i].raw, cases[i].language, cases[i].name);
}

/* Cython 3.1.4 made those of yaml, for PyYAML 6.0.3. The others follow its rules. */
Test(symbol_demangle, of_cython)
{
        static const struct {
                const char *raw, *name;
        } cases[] = {
                { "__pyx_pw_4yaml_5_yaml_8CEmitter_1__init__", "yaml._yaml.CEmitter.__init__" },
                { "__pyx_pw_4yaml_5_yaml_4Mark_3get_snippet", "yaml._yaml.Mark.get_snippet" },
                { "__pyx_pw_4yaml_5_yaml_5__pyx_unpickle_Mark", "yaml._yaml.__pyx_unpickle_Mark" },
                { "__pyx_pw_4yaml_5_yaml_3get_version", "yaml._yaml.get_version" },
                { "__pyx_pf_4yaml_5_yaml_8CEmitter_12serialize", "yaml._yaml.CEmitter.serialize" },
                { "__pyx_f_4yaml_5_yaml_7CParser__parse_next_event", "yaml._yaml.CParser._parse_next_event" },
                { "__pyx_pw_5numpy_6random_6mtrand_11RandomState_3seed", "numpy.random.mtrand.RandomState.seed" },
                { "__pyx_pw_5numpy_6random_6mtrand_11RandomState_1__init__",
                  "numpy.random.mtrand.RandomState.__init__" },
                { "__pyx_pf_5numpy_6random_6mtrand_11RandomState___init__",
                  "numpy.random.mtrand.RandomState.__init__" },
                { "__pyx_pf_5numpy_6random_6mtrand_11RandomState_2seed", "numpy.random.mtrand.RandomState.seed" },
                { "__pyx_f_5numpy_6random_6mtrand_kahan_sum", "numpy.random.mtrand.kahan_sum" },
                { "__pyx_f_5cymod_5Thing_method", "cymod.Thing.method" },
                { "__pyx_pw_6module_9func", "module.func" },
                { "__pyx_pw_3mod_3get_x", "mod.get_x" },
                { "__pyx_pw_3mod_5outer_1inner", "mod.outer.inner" },
                { "__pyx_gb_5cymod_3fib_2generator", "cymod.fib.generator" },
                { "__pyx_gb_5cymod_4generator1", "cymod.generator1" },
        };
        static const char *const others[] = {
                "__pyx_pw_",
                "__pyx_pw_6module",
                "__pyx_pw_6module_",
                "__pyx_pw_60module_1f",
                "__pyx_pw_module_1f",
                "__pyx_pw_6module_f",
                "__pyx_f_6module_1f",
                "__pyx_pymod_exec_mod",
                "__pyx_tp_new_5cymod_Thing",
                "__pyx_pw_99999999999999999999_1f",
                "__pyx_pw_0_1f",
                "__pyx_pw_6module_1",
                "__Pyx_PyObject_Call",
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                expect_name(cases[i].raw, SYMBOL_CYTHON, cases[i].name);
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
                expect_name(others[i], SYMBOL_C, others[i]);
}

Test(symbol_demangle, long_names_end_with_an_ellipsis)
{
        char raw[2000], plain[SYMBOL_NAME_SIZE];

        memset(raw, 'x', sizeof(raw) - 1);
        raw[sizeof(raw) - 1] = '\0';
        symbol_demangle(raw, plain, sizeof(plain));
        cr_expect_eq(strlen(plain), sizeof(plain) - 1);
        cr_expect_str_eq(plain + sizeof(plain) - 4, "…");
        raw[SYMBOL_NAME_SIZE - 1] = '\0';
        symbol_demangle(raw, plain, sizeof(plain));
        cr_expect_str_eq(plain, raw);
}

/* Each argument of a template is a pair of the one before: 2^n characters. */
static void write_bomb(char *ret, size_t size, unsigned n)
{
        static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        size_t len = (size_t)snprintf(ret, size, "_Z1fI1aIiiE");

        for (unsigned i = 0; i < n; i++)
                len += (size_t)snprintf(ret + len, size - len, "S0_IS%c_S%c_E", digits[i + 1], digits[i + 1]);
        snprintf(ret + len, size - len, "Evv");
}

/* The same with tuples, of which the first begins at character 4, the second at 8, and each further one 8 behind. */
static void write_rust_bomb(char *ret, size_t size, unsigned n)
{
        static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        size_t len = (size_t)snprintf(ret, size, "_RIC1aTuuE");

        for (unsigned i = 0, at = 3; i < n; at = i == 0 ? 7 : at + 8, i++)
                len += (size_t)snprintf(ret + len, size - len, "TB%c_B%c_E", digits[at], digits[at]);
        snprintf(ret + len, size - len, "E");
}

Test(symbol_demangle, names_that_explode_are_given_up)
{
        char raw[1100], plain[SYMBOL_NAME_SIZE];
        struct rusage usage;

        expect_name("_RIC1aTuuETB3_B3_EE", SYMBOL_RUST, "a::<((), ()), (((), ()), ((), ()))>");
        for (unsigned n = 0; n < 35; n++) {
                write_bomb(raw, sizeof(raw), n);
                cr_expect_eq(symbol_demangle(raw, plain, sizeof(plain)), n < 11 ? SYMBOL_CPP : SYMBOL_C, "%u", n);
        }
        for (unsigned n = 0; n < 8; n++) {
                write_rust_bomb(raw, sizeof(raw), n);
                cr_expect_eq(symbol_demangle(raw, plain, sizeof(plain)), SYMBOL_RUST, "%s", raw);
        }
        memset(raw, 'B', 100);
        symbol_demangle(memcpy(raw, "_RIC1a", 6), plain, sizeof(plain));
        memset(raw, 'P', sizeof(raw));
        memcpy(raw, "_Z1f", 4);
        raw[sizeof(raw) - 1] = '\0';
        symbol_demangle(raw, plain, sizeof(plain));
        cr_assert_eq(getrusage(RUSAGE_SELF, &usage), 0);
        cr_expect_lt(usage.ru_utime.tv_sec, 5);
}

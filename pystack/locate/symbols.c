/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an ELF file says of the CPython in it. The data is found by symbols that extension modules need. So even
 * stripped builds export them.
 *
 * Up to 3.6 the list of interpreters is a static variable, which only .symtab names. But each version exports
 * PyInterpreterState_Head(), which returns that list. Its few bytes of code are decoded, not executed.
 */
#include "locate.h"
#include "machine.h"
#include "pystack/memory/remote.h"

#include <string.h>

/* A symbol that is new in each version, the newest version first. */
static const struct {
        uint32_t version;
        const char *symbol;
} ladder[] = {
        { 0x030f0000, "PyBytesWriter_Create" }, { 0x030e0000, "PyUnicodeWriter_Create" },
        { 0x030d0000, "PyTime_Time" },          { 0x030c0000, "PyType_FromMetaclass" },
        { 0x030b0000, "Py_Version" },           { 0x030a0000, "PyGC_Enable" },
        { 0x03090000, "PyFrame_GetBack" },      { 0x03080000, "PyConfig_InitPythonConfig" },
        { 0x03070000, "PyContext_New" },        { 0x03060000, "PyOS_FSPath" },
        { 0x03050000, "PyCoro_New" },           { 0x03040000, "PyMem_RawMalloc" },
        { 0x03030000, "PyUnicode_New" },        { 0x03000000, "PyBytes_FromString" },
}, ladder_of_2[] = {
        { 0x02070000, "PyCapsule_New" },        { 0x02060000, "PyByteArray_FromObject" },
        { 0x02000000, "PyString_FromString" },
};

static bool has_symbol(struct elfsym *elf, const char *name)
{
        struct elfsym_symbol symbol;

        return elfsym_symbol(elf, name, &symbol) == 0;
}

static uint32_t version_by_symbols(struct elfsym *elf)
{
        if (has_symbol(elf, "PyString_FromString")) {
                for (size_t i = 0; i < sizeof ladder_of_2 / sizeof *ladder_of_2; i++)
                        if (has_symbol(elf, ladder_of_2[i].symbol))
                                return ladder_of_2[i].version;
        }
        for (size_t i = 0; i < sizeof ladder / sizeof *ladder; i++)
                if (has_symbol(elf, ladder[i].symbol))
                        return ladder[i].version;
        return 0;
}

static uint64_t address_of(struct elfsym *elf, const char *name, uint64_t bias)
{
        struct elfsym_symbol symbol;

        return elfsym_symbol(elf, name, &symbol) == 0 ? symbol.value + bias : 0;
}

static uint64_t locate_interp_head(struct elfsym *elf, uint64_t bias, const struct pystack_memory *memory)
{
        uint64_t function = address_of(elf, "PyInterpreterState_Head", bias);
        uint64_t head = 0;
        uint8_t code[16];

        if (function && remote_read(memory, function, code, sizeof code) == 0)
                head = machine_get(machine_here())->decode_head(code, function);
        return head ? head : address_of(elf, "interp_head", bias);
}

/*
 * The symbol of _PyRuntime. A program with a static CPython may be stripped and export nothing. From 3.10 on its
 * section .PyRuntime tells the same: it holds nothing else.
 */
static bool get_runtime_symbol(struct elfsym *elf, struct elfsym_symbol *ret)
{
        struct elfsym_section section;

        if (elfsym_symbol(elf, "_PyRuntime", ret) == 0)
                return true;
        if (elfsym_section(elf, ".PyRuntime", &section) != 0 || section.addr == 0)
                return false;
        *ret = (struct elfsym_symbol){ .value = section.addr, .size = section.size };
        return true;
}

int locate_in_elf(struct elfsym *elf, uint64_t bias, const struct pystack_memory *memory, struct pystack_location *ret)
{
        struct elfsym_symbol runtime = { 0 };
        bool modern = get_runtime_symbol(elf, &runtime);
        uint64_t current = modern ? 0 : address_of(elf, "_PyThreadState_Current", bias);

        if (!modern && !current)
                return PYSTACK_E_NOT_PYTHON;
        *ret = (struct pystack_location){
                .runtime = modern ? runtime.value + bias : 0,
                .runtime_size = runtime.size,
                .tstate_current = current,
                .interp_head = modern ? 0 : locate_interp_head(elf, bias, memory),
                .code_type = address_of(elf, "PyCode_Type", bias),
                .type_type = address_of(elf, "PyType_Type", bias),
                .version_at = address_of(elf, "Py_Version", bias),
                .ladder = version_by_symbols(elf),
                .machine = machine_here(),
        };
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_CODE_CACHE_H
#define PYSTACK_CODE_CACHE_H

/*
 * Code objects, resolved once and proved at every use.
 *
 * CPython frees code objects and gives their memory to others, so an address is
 * not an identity. An entry therefore carries proofs: the bytes that this code
 * object, and no other one, has in its place. A snapshot reads them together
 * with the stack; if they differ, the entry is dropped and resolved anew.
 *
 * To resolve is to copy: what the bytes of names and line tables say is found out when somebody asks, by code_text.c.
 */

#include "pystack/layout/layout.h"
#include "pystack/memory/remote.h"
#include "pystack/pystack.h"
#include "pystack/validate/proof_page.h"
#include "pystr.h"

/* The code object, its name, its file's name, its line table; each can lie across the end of a page. */
#define CODE_PROOFS_MAX 8

struct code_proof {
        struct proof_page *page; /* in which all of it lies */
        uint64_t addr;
        uint32_t len;
        uint8_t *bytes;
};

/*
 * A line that has been looked up, above, and the instruction, each bit of it turned round: a stack shows the same few
 * places of a function again and again. 0: none. One word, since threads that decode share it.
 */
typedef _Atomic uint64_t line_memo;
#define LINE_MEMOS 4

struct code_entry {
        struct pystack_code code; /* what the caller sees of it */
        uint64_t addr;
        uint64_t interp;     /* whose generation is meant */
        uint64_t generation; /* no code object has been freed since it was proved; 0: not known */
        struct code_proof proofs[CODE_PROOFS_MAX];
        uint32_t n_proofs;
        uint32_t frame_size; /* bytes of its frames on the data stack; 0: not known */
        bool unique;         /* no other code object of the process can ever have the same proofs */
        bool run_once;       /* a module's: it is freed when it has been run */
        bool owed;           /* a stack waits for its proof */
        uint32_t steady;     /* how many times in a row its proofs held; stops at the number that is needed */
        uint8_t *data;       /* what was copied of the target's memory: name, file's name, line table, in this order */
        struct text_ref name, file;
        bool without_lines; /* its table is larger than any is believed to be, and was not read */
        size_t bytes;       /* that it is charged with */
        line_memo memo[LINE_MEMOS];

        uint64_t *bytecodes; /* addresses of its per-thread bytecodes by index, 0: not known; 3.14t on */
        uint32_t n_bytecodes;
        uint32_t bytecodes_generation; /* under which they were read */

        /* Numbers of snapshots: the last one that ... */
        uint64_t planned;  /* ... was to read its proofs */
        uint64_t proved;   /* ... found them as they are */
        uint64_t rejected; /* ... found them different */
        uint64_t listed;   /* number of the list of a stack's code objects that it was put on last */

        /* Retired entries; of those that are kept as well, so that each can be taken out. */
        struct code_entry *next_retired, **at_retired;
        uint32_t keepers;
        bool set_apart; /* it is among the cache's kept ones */
};

/*
 * What the entries of a process take at most, those included that are retired. A large application has some 5000 code
 * objects that ever run, of 900 bytes each.
 */
#define CODE_CACHE_BYTES ((size_t)8 << 20)

struct code_cache {
        struct code_entry **slots; /* open addressing, linear probing; NULL: free */
        size_t mask;               /* slots - 1; 0: no table yet */
        size_t used;
        uint32_t next_serial;
        uint64_t changes;  /* grows when an entry is replaced or dropped: until then pointers to entries are valid */
        size_t bytes;      /* that entries are charged with */
        size_t limit;      /* of @bytes; 0, or more than CODE_CACHE_BYTES: that */
        uint64_t refusals; /* charges that went beyond it */
        struct code_entry *retired; /* dropped, but the caller may still look at them */
        struct code_entry *kept;    /* dropped, and nobody looks at them but their keepers */
        struct proof_pages pages;
};

void code_cache_deinit(struct code_cache *cache);

/* Its parts in @entry->data. */
static inline const uint8_t *code_file_data(const struct code_entry *entry)
{
        return entry->data + text_data_len(&entry->name);
}

static inline const uint8_t *code_lines_data(const struct code_entry *entry)
{
        return code_file_data(entry) + text_data_len(&entry->file);
}

/* Accepts NULL. */
void code_entry_free(struct code_cache *cache, struct code_entry *entry);

/* Takes @entry over, in place of what was known at its address. 0 or -ENOMEM: then it is still the caller's. */
int code_cache_put(struct code_cache *cache, struct code_entry *entry);

/*
 * Charges @entry with @bytes that are about to be allocated for it. PYSTACK_E_COSTLY if the process has no more: the
 * cache starts anew then, when the caller has seen the last of what is in it.
 */
int code_cache_charge(struct code_cache *cache, struct code_entry *entry, size_t bytes);

/* NULL if @addr is not known. */
struct code_entry *code_cache_find(const struct code_cache *cache, uint64_t addr);

/*
 * Reads the code object at @addr and remembers it in place of what was known
 * there. @type is the address of PyCode_Type, 0: not known.
 * PYSTACK_E_CORRUPT if there is no code object, PYSTACK_E_COSTLY as above.
 */
int code_cache_resolve(struct code_cache *cache, const struct layout *layout, const struct pystack_reader *reader,
                       uint64_t type, uint64_t addr, struct code_entry **ret);

/* Forgets all that is known, but for what is kept; serials go on. */
void code_cache_clear(struct code_cache *cache);

/* Frees what was retired, unless it is kept: called when the caller has seen the last of it. */
void code_cache_sweep(struct code_cache *cache);

/* Ends one keeping of @entry, and frees it if that was the last thing that held it. */
void code_cache_let_go(struct code_cache *cache, struct code_entry *entry);

#endif

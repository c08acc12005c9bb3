/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PYSTACK_CODE_CACHE_H
#define PYSTACK_CODE_CACHE_H

/*
 * The cache of code objects. Each is read once, and proved each time that it is found on a stack.
 *
 * CPython frees code objects and uses their memory again, so an address is not an identity. Therefore an entry has
 * proofs: bytes that this code object has in its place, and that another one would not have there. A snapshot reads
 * them together with the stack. If they differ, the entry is dropped and the code object is read anew.
 *
 * Reading a code object only copies the bytes of its names and its line table. code_text.c makes text and line
 * numbers of them when the caller asks.
 */

#include "pystack/layout/layout.h"
#include "pystack/memory/remote.h"
#include "pystack/pystack.h"
#include "pystack/validate/proof_page.h"
#include "pystr.h"

/*
 * Proofs of the code object's type, the code object, its name, its file's name and its line table. Each but the first can lie
 * across the end of a page.
 */
#define CODE_PROOFS_MAX 9

struct code_proof {
        struct proof_page *page; /* the page that holds all of it */
        uint64_t addr;
        uint32_t len;
        uint8_t *bytes;
};

/*
 * A line that has been looked up. A stack shows the same few places of a function again and again. The upper 32 bits
 * are the line, the lower ones the instruction with each bit inverted. 0: none. It is one word because several
 * threads that decode share it.
 */
typedef _Atomic uint64_t line_memo;
#define LINE_MEMOS 4

struct code_entry {
        struct pystack_code code; /* what the caller sees of it */
        uint64_t addr;
        uint64_t interp;     /* the interpreter that @generation belongs to */
        uint64_t generation; /* of the interpreter, when the entry was last proved; 0: not known */
        struct code_proof proofs[CODE_PROOFS_MAX];
        uint32_t n_proofs;
        uint32_t frame_size; /* bytes of its frames on the data stack; 0: not known */
        bool counts_references; /* the first proof is the type, and the count of references lies before it in the same page */
        bool read_alive;        /* there were references to it when it was read */
        bool unique;            /* no other code object of the process can ever have the same proofs */
        bool run_once;          /* a module's: it is freed when it has been run */
        bool deferred;          /* its proof is deferred: a stack waits for it */
        uint32_t times_proved; /* proofs in a row that held, counted up to DEFER_AFTER_MAX */
        uint8_t *data;         /* copied from the target: name, file's name, line table, in this order */
        struct pystr name, file;
        bool without_lines; /* its line table is larger than LINES_MAX and was not read */
        size_t bytes;       /* that code_cache_charge() has charged it with */
        line_memo memo[LINE_MEMOS];

        uint64_t *bytecodes; /* addresses of its per-thread bytecodes by index, 0: not known; 3.14t on */
        uint32_t n_bytecodes;
        uint32_t bytecodes_generation; /* the interpreter's tlbc_generation when they were read */

        uint8_t *starts;   /* a bit for each code unit: an instruction begins there; NULL: not known */
        uint32_t n_starts; /* the number of code units */
        bool counted_off;  /* it was tried to find out: see opcodes/read.c */

        uint64_t planned;  /* number of the last snapshot that was to read its proofs */
        uint64_t proved;   /* number of the last snapshot in which its proofs held */
        uint64_t alive;    /* number of the last snapshot in which there were references to it as well */
        uint64_t rejected; /* number of the last snapshot in which they did not */
        uint64_t listed;   /* number of the last list of a stack's code objects that it was put on */

        struct code_entry *next_retired; /* in the list of retired entries, or in that of kept ones */
        struct code_entry **at_retired;  /* the pointer to this entry in the list of kept ones */
        uint32_t keepers;                /* calls of pystack_keep() without their pystack_let_go() */
        bool set_apart;                  /* it is in the list of kept ones */
};

/*
 * Bytes that the entries of a process take at most, retired ones included. A large application has some 5000 code
 * objects that ever run; an entry takes 900 bytes.
 */
#define CODE_CACHE_BYTES ((size_t)8 << 20)

struct code_cache {
        struct code_entry **slots; /* open addressing, linear probing; NULL: free */
        size_t mask;               /* slots - 1; 0: no table yet */
        size_t used;
        uint32_t next_serial;
        uint64_t changes;  /* grows when an entry is replaced or dropped; until then pointers to entries are valid */
        size_t bytes;      /* that entries are charged with */
        size_t limit;      /* of @bytes; 0 or more than CODE_CACHE_BYTES means CODE_CACHE_BYTES */
        uint64_t refusals; /* charges that were refused because of the limit */
        struct code_entry *retired; /* entries that were dropped, and that the caller may still look at */
        struct code_entry *kept;    /* entries that were dropped, and that only their keepers look at */
        struct proof_pages pages;
};

void code_cache_deinit(struct code_cache *cache);

/* The parts of @entry->data behind the name. */
static inline const uint8_t *code_file_data(const struct code_entry *entry)
{
        return entry->data + pystr_data_len(&entry->name);
}

static inline const uint8_t *code_lines_data(const struct code_entry *entry)
{
        return code_file_data(entry) + pystr_data_len(&entry->file);
}

/* Accepts NULL. */
void code_entry_free(struct code_cache *cache, struct code_entry *entry);

/* The count of references stands before an object's type. */
#define CODE_REFERENCES 8

/*
 * Whether an object with this count of references lives. While it is freed the count is 0. Afterwards the allocator may
 * keep a pointer there. An object that never dies has a count of 32 bits, or fewer (3.12 on).
 */
static inline bool code_is_alive(uint64_t references)
{
        return references - 1 < UINT32_MAX;
}

/*
 * Puts @entry in place of the entry of its address, if there is one. 0: the cache owns it; -ENOMEM: the caller still
 * does.
 */
int code_cache_put(struct code_cache *cache, struct code_entry *entry);

/*
 * Charges @entry with @bytes that are about to be allocated for it. PYSTACK_E_COSTLY if that would be beyond the limit:
 * then all entries are retired, and the cache fills anew.
 */
int code_cache_charge(struct code_cache *cache, struct code_entry *entry, size_t bytes);

/* The entry of the code object at @addr; NULL if there is none. */
struct code_entry *code_cache_find(const struct code_cache *cache, uint64_t addr);

/*
 * Reads the code object at @addr and puts it into the cache, in place of the entry of that address. @type is the
 * address of PyCode_Type, 0: not known. PYSTACK_E_CORRUPT if there is no code object, PYSTACK_E_COSTLY as
 * code_cache_charge(). See code_read.c.
 */
int code_read(struct code_cache *cache, const struct layout *layout, const struct pystack_memory *memory, uint64_t type,
              uint64_t addr, struct code_entry **ret);

/* Drops all entries but those that are kept. Serials go on. */
void code_cache_clear(struct code_cache *cache);

/* Frees retired entries, unless they are kept. To be called when the caller looks at none of them any more. */
void code_cache_sweep(struct code_cache *cache);

/* Undoes one pystack_keep() of @entry. Frees it if that was the last one and it had been dropped. */
void code_cache_let_go(struct code_cache *cache, struct code_entry *entry);

#endif

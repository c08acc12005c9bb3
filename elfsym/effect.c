/* SPDX-License-Identifier: Apache-2.0 */
#include "effect.h"

/* Registers that instructions may write without naming them. Those that write others so are refused. */
#define UNNAMED (1u << RAX | 1u << RCX | 1u << RDX | 1u << RSI | 1u << RDI)

/* ---- values --------------------------------------------------------------- */

struct value elfsym_effect_add(struct value value, int64_t number)
{
        int64_t sum = value.offset + number;

        if (value.known != SUM || sum != (int32_t)sum)
                return (struct value){ .known = UNKNOWN };
        value.offset = (int32_t)sum;
        return value;
}

static struct slot *look_up_slot(struct way *way, struct value place)
{
        for (unsigned i = 0; i < way->slots_n; i++)
                if (way->slots[i].place.base == place.base && way->slots[i].place.offset == place.offset)
                        return &way->slots[i];
        return NULL;
}

/* False: there is no room to keep it. */
static bool store_value(struct way *way, struct value place, struct value value)
{
        if (place.known != SUM)
                return true;

        struct slot *slot = look_up_slot(way, place);

        if (!slot && way->slots_n == EFFECT_SLOTS_MAX)
                return false;
        if (!slot)
                slot = &way->slots[way->slots_n++];
        *slot = (struct slot){ place, value };
        return true;
}

/* Two registers may hold the same address, so a place is not told from one that another register leads to. */
static bool has_other_base(const struct way *way, struct value place)
{
        for (unsigned i = 0; i < way->slots_n; i++)
                if (way->slots[i].place.base != place.base)
                        return true;
        return false;
}

static struct value load_value(struct way *way, struct value place)
{
        if (place.known != SUM || has_other_base(way, place))
                return (struct value){ .known = UNKNOWN };

        const struct slot *slot = look_up_slot(way, place);

        place.known = STORED_AT_SUM;
        return slot ? slot->value : place;
}

static bool push_value(struct way *way, struct value value)
{
        way->registers[RSP] = elfsym_effect_add(way->registers[RSP], -8);
        return store_value(way, way->registers[RSP], value);
}

static struct value pop_value(struct way *way)
{
        struct value value = load_value(way, way->registers[RSP]);

        way->registers[RSP] = elfsym_effect_add(way->registers[RSP], 8);
        return value;
}

/* ---- instructions that are known only by what they write ------------------------------- */

/*
 * r: what rm names; g: what reg names; b: both; l: the register in the opcode; '.': none of these; x: it is known
 * otherwise, or refused.
 */
static const char one_writes[] = /* 00 to ff */
        "rrgg..xxrrgg..xx"       /* 00 */
        "rrgg..xxrrgg..xx"       /* 10 */
        "rrgg..xxrrgg..xx"       /* 20 */
        "rrgg..xx......xx"       /* 30 */
        "xxxxxxxxxxxxxxxx"       /* 40 */
        "xxxxxxxxxxxxxxxx"       /* 50 */
        "xxxgxxxxxgxgxxxx"       /* 60 */
        "xxxxxxxxxxxxxxxx"       /* 70 */
        "rrxr..bbrrggrg.x"       /* 80 */
        "llllllll..x.xx.."       /* 90 */
        "xxxx............"       /* a0 */
        "llllllllllllllll"       /* b0 */
        "rrxxxxrrxxxxxxxx"       /* c0 */
        "rrrrxxxx........"       /* d0 */
        "xxxxxxxxxxxxxxxx"       /* e0 */
        "xxxxx.rr..xx..rx";      /* f0 */

static const char writes_0f[] = "xxxxxxxxxxxxx.xx"  /* 00 */
                                "................"  /* 10 */
                                "xxxxxxxx....gg.."  /* 20 */
                                "x.xxxxxxxxxxxxxx"  /* 30 */
                                "gggggggggggggggg"  /* 40 */
                                "g..............."  /* 50 */
                                "................"  /* 60 */
                                "........gg....r."  /* 70 */
                                "xxxxxxxxxxxxxxxx"  /* 80 */
                                "rrrbrrrrrrrrrrrr"  /* 90 */
                                "xxx.rrxxxxxrrrrg"  /* a0 */
                                "rrxrxxgggxrrgggg"  /* b0 */
                                "bb.r.g.rllllllll"  /* c0 */
                                ".......g........"  /* d0 */
                                "................"  /* e0 */
                                "...............x"; /* f0 */

static char what_is_written(const struct elfsym_instruction *i)
{
        bool converts = i->opcode == 0x2c || i->opcode == 0x2d || i->opcode == 0x78 || i->opcode == 0x79;

        switch (i->map) {
        case ELFSYM_MAP_ONE:
                return one_writes[i->opcode];
        case ELFSYM_MAP_0F:
                return writes_0f[i->opcode];
        case ELFSYM_MAP_0F38: /* f0 to ff: arithmetic of bits */
                return i->opcode >= 0xf0 ? 'b' : '.';
        case ELFSYM_MAP_0F3A: /* pextr, and rorx */
                return i->opcode >= 0x14 && i->opcode <= 0x17 ? 'r' : i->opcode == 0xf0 ? 'g' : '.';
        default:
                return converts ? 'g' : i->opcode == 0x7e ? 'r' : '.';
        }
}

static bool apply_other(struct way *way, const struct elfsym_instruction *i)
{
        char what = what_is_written(i);
        unsigned written = 0;

        if (what == 'x')
                return false;
        if (what == 'g' || what == 'b')
                written |= 1u << i->reg;
        if ((what == 'r' || what == 'b') && i->mod == 3)
                written |= 1u << i->rm;
        if (what == 'l')
                written |= 1u << i->low;
        if (i->map == ELFSYM_MAP_0F38 && what == 'b')
                written |= 1u << i->other;
        /* Of bytes, the numbers 4 to 7 may be ah to bh. */
        if (!(i->opcode & 1) || i->map != ELFSYM_MAP_ONE || (i->opcode & 0xf8) == 0xb0)
                written |= written >> 4 & 15;
        written |= UNNAMED;
        for (unsigned n = 0; n < EFFECT_REGISTERS; n++)
                if (written >> n & 1)
                        way->registers[n].known = UNKNOWN;
        if ((what != 'r' && what != 'b') || i->mod == 3 || !i->has_address)
                return true;
        return store_value(way, elfsym_effect_add(way->registers[i->base], i->disp),
                           (struct value){ .known = UNKNOWN });
}

/* ---- those that are known ---------------------------------------------------------------- */

static bool apply_move(struct way *way, const struct elfsym_instruction *i)
{
        struct value *registers = way->registers;
        struct value place = i->has_address ? elfsym_effect_add(registers[i->base], i->disp)
                                            : (struct value){ .known = UNKNOWN };

        if (i->opcode == 0x8d)
                registers[i->reg] = place;
        else if (i->opcode == 0x8b)
                registers[i->reg] = i->mod == 3 ? registers[i->rm] : load_value(way, place);
        else if (i->mod == 3)
                registers[i->rm] = registers[i->reg];
        else
                return store_value(way, place, registers[i->reg]);
        return true;
}

static bool apply_leave(struct way *way)
{
        way->registers[RSP] = way->registers[RBP];
        way->registers[RBP] = pop_value(way);
        return true;
}

static bool apply_arithmetic(struct way *way, const struct elfsym_instruction *i)
{
        unsigned operation = i->reg & 7;

        if (operation == 7) /* cmp */
                return true;
        if ((operation != 0 && operation != 5) || !i->wide || i->mod != 3)
                return apply_other(way, i);
        way->registers[i->rm] = elfsym_effect_add(way->registers[i->rm], operation == 0 ? i->immediate : -i->immediate);
        return true;
}

bool elfsym_effect_apply(struct way *way, const struct elfsym_instruction *i)
{
        const struct value unknown = { .known = UNKNOWN };
        uint8_t opcode = i->opcode;

        if (i->map != ELFSYM_MAP_ONE)
                return apply_other(way, i);
        if (opcode >= 0x50 && opcode <= 0x57)
                return !i->narrow && push_value(way, way->registers[i->low]);
        if (opcode == 0x68 || opcode == 0x6a || (opcode == 0xff && (i->reg & 7) == 6))
                return !i->narrow && push_value(way, unknown);
        if (opcode >= 0x58 && opcode <= 0x5f) {
                struct value value = pop_value(way);

                way->registers[i->low] = value;
                return !i->narrow;
        }
        if (opcode == 0xc9)
                return !i->narrow && apply_leave(way);
        if (i->wide && (opcode == 0x89 || opcode == 0x8b || opcode == 0x8d))
                return apply_move(way, i);
        if (opcode == 0x81 || opcode == 0x83)
                return apply_arithmetic(way, i);
        if (opcode == 0xff && (i->reg & 7) < 2) { /* inc, dec */
                struct elfsym_instruction same = *i;

                same.opcode = 0xfe;
                return apply_other(way, &same);
        }
        return apply_other(way, i);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* C functions that call one another. The innermost one works for as many turns as it is told. */
#include <stddef.h>

/* Each call has a frame of its own: what follows it keeps it from being a jump, and its address from being known. */
__attribute__((noinline, noclone)) size_t chain_work(size_t turns)
{
        size_t sum = 0;

        for (size_t i = 0; i < turns; i++) {
                sum += i;
                __asm__ volatile("" : "+r"(sum));
        }
        return sum;
}

__attribute__((noinline, noclone)) size_t chain_call(size_t depth, size_t turns)
{
        size_t ret = depth > 1 ? chain_call(depth - 1, turns) : chain_work(turns);

        __asm__ volatile("" : "+r"(ret));
        return ret;
}

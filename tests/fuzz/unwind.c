/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the unwinding of stacks with an image in memory. The first byte says what the rest is: a whole image, or what
 * replaces the entries of a right one, from the CIE on.
 */
#include "tests/fuzz/unwind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct image image;
        size_t room = IMAGE_TEXT - IMAGE_CIE;

        if (size == 0)
                return 0;
        data++;
        size--;
        if (data[-1] == 0) {
                image_exercise(data, size);
                return 0;
        }
        image_make(&image);
        image_put(&image, IMAGE_CIE, data, size < room ? size : room);
        image_exercise(image.bytes, IMAGE_SIZE);
        return 0;
}

#include "core/columns.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct range {
    uint32_t first, last;
};

/* Characters of no width: what combines with the one before, joins, or steers direction. */
static const struct range zero_width[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},   {0x064b, 0x065f},   {0x06d6, 0x06dc},
    {0x06df, 0x06e4}, {0x0730, 0x074a}, {0x0900, 0x0902}, {0x093c, 0x093c},   {0x0941, 0x0948},   {0x094d, 0x094d},
    {0x0e31, 0x0e31}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff},   {0x1dc0, 0x1dff},   {0x200b, 0x200f},
    {0x202a, 0x202e}, {0x2060, 0x206f}, {0x20d0, 0x20f0}, {0x302a, 0x302d},   {0x3099, 0x309a},   {0xfe00, 0xfe0f},
    {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0001, 0xe007f}, {0xe0100, 0xe01ef},
};

/* East Asian Width W and F (Unicode 14), neighbours joined. */
static const struct range double_width[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},   {0x23f0, 0x23f0},
    {0x23f3, 0x23f3},   {0x25fd, 0x25fe},   {0x2614, 0x2615},   {0x2648, 0x2653},   {0x267f, 0x267f},
    {0x2693, 0x2693},   {0x26a1, 0x26a1},   {0x26aa, 0x26ab},   {0x26bd, 0x26be},   {0x26c4, 0x26c5},
    {0x26ce, 0x26ce},   {0x26d4, 0x26d4},   {0x26ea, 0x26ea},   {0x26f2, 0x26f3},   {0x26f5, 0x26f5},
    {0x26fa, 0x26fa},   {0x26fd, 0x26fd},   {0x2705, 0x2705},   {0x270a, 0x270b},   {0x2728, 0x2728},
    {0x274c, 0x274c},   {0x274e, 0x274e},   {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},
    {0x27b0, 0x27b0},   {0x27bf, 0x27bf},   {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2b55, 0x2b55},
    {0x2e80, 0x303e},   {0x3041, 0x3247},   {0x3250, 0x4dbf},   {0x4e00, 0xa4cf},   {0xa960, 0xa97f},
    {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe10, 0xfe19},   {0xfe30, 0xfe6f},   {0xff01, 0xff60},
    {0xffe0, 0xffe6},   {0x16fe0, 0x18cff}, {0x1aff0, 0x1b2fb}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf},
    {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f335}, {0x1f337, 0x1f37c},
    {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4},
    {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440}, {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f54e},
    {0x1f550, 0x1f567}, {0x1f57a, 0x1f57a}, {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f},
    {0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc}, {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6df}, {0x1f6eb, 0x1f6ec},
    {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7f0}, {0x1f90c, 0x1f93a}, {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff},
    {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};

static bool columns_is_in(uint32_t c, const struct range *ranges, size_t count) {
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c > ranges[middle].last)
            low = middle + 1;
        else if (c < ranges[middle].first)
            high = middle;
        else
            return true;
    }
    return false;
}

static size_t columns_of(uint32_t c) {
    if (c < 0x300)
        return 1;
    if (columns_is_in(c, zero_width, sizeof zero_width / sizeof *zero_width))
        return 0;
    return columns_is_in(c, double_width, sizeof double_width / sizeof *double_width) ? 2 : 1;
}

/* One character at the start of bytes (len > 0): its length; 0 when that is no UTF-8 (RFC 3629). */
static size_t columns_decode(const char *bytes, size_t len, uint32_t *c_out) {
    const unsigned char *b = (const unsigned char *)bytes;
    if (b[0] < 0x80) {
        *c_out = b[0];
        return 1;
    }
    size_t need = b[0] >= 0xc2 && b[0] < 0xe0   ? 2
                  : b[0] >= 0xe0 && b[0] < 0xf0 ? 3
                  : b[0] >= 0xf0 && b[0] < 0xf5 ? 4
                                                : 0;
    if (need == 0 || need > len)
        return 0;
    uint32_t c = b[0] & (0x7fU >> need);
    for (size_t i = 1; i < need; i++) {
        if ((b[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (b[i] & 0x3fU);
    }
    bool is_overlong = (need == 3 && c < 0x800) || (need == 4 && c < 0x10000);
    if (is_overlong || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
        return 0;
    *c_out = c;
    return need;
}

/* The same for counting: what is no UTF-8 is one byte in one column. */
static size_t columns_step(const char *bytes, size_t len, size_t *columns_out) {
    uint32_t c = 0;
    size_t step = columns_decode(bytes, len, &c);
    *columns_out = step > 0 ? columns_of(c) : 1;
    return step > 0 ? step : 1;
}

/* How many of len bytes are printable ASCII, which is most of what there is: one byte, one column, shown as it is. */
static size_t columns_plain_span(const char *bytes, size_t len) {
    size_t i = 0;
    while (i < len && bytes[i] >= 0x20 && bytes[i] < 0x7f)
        i++;
    return i;
}

size_t columns_count(const char *bytes, size_t len) {
    size_t sum = columns_plain_span(bytes, len);
    bytes += sum;
    len -= sum;
    size_t columns = 0;
    for (size_t i = 0; i < len; i += columns_step(bytes + i, len - i, &columns), sum += columns)
        ;
    return sum;
}

size_t columns_fit(const char *bytes, size_t len, size_t columns) {
    size_t i = columns_plain_span(bytes, len < columns ? len : columns);
    size_t sum = i;
    while (i < len) {
        size_t more = 0;
        size_t step = columns_step(bytes + i, len - i, &more);
        if (sum + more > columns)
            break;
        sum += more;
        i += step;
    }
    return i;
}

void columns_cut(const char *string, size_t columns, struct text *out) {
    size_t len = strlen(string);
    if (columns_fit(string, len, columns) == len) {
        text_append(out, string, len);
        return;
    }
    if (columns == 0)
        return;
    text_append(out, string, columns_fit(string, len, columns - 1));
    text_str(out, "…");
}

size_t columns_escape_span(const char *bytes, size_t len) {
    if (len < 2)
        return len;
    size_t i = 2;
    if (bytes[1] == '[') {
        while (i < len && (unsigned char)bytes[i] >= 0x20 && (unsigned char)bytes[i] < 0x40)
            i++;
        return i < len ? i + 1 : i;
    }
    if (strchr("]PX^_", bytes[1])) {
        while (i < len && bytes[i] != '\a' && bytes[i] != '\033')
            i++;
        if (i < len && bytes[i] == '\033' && i + 1 < len && bytes[i + 1] == '\\')
            i++;
        return i < len ? i + 1 : i;
    }
    while (i < len && (unsigned char)bytes[i - 1] >= 0x20 && (unsigned char)bytes[i - 1] < 0x30)
        i++;
    return i;
}

void columns_clean(const char *bytes, size_t len, struct text *out) {
    size_t i = 0;
    while (i < len) {
        size_t plain = columns_plain_span(bytes + i, len - i);
        text_append(out, bytes + i, plain);
        i += plain;
        if (i == len)
            break;
        uint32_t c = 0;
        size_t step = columns_decode(bytes + i, len - i, &c);
        if (step == 0) {
            text_str(out, "\xef\xbf\xbd");
            step = 1;
        } else if (c == '\033') {
            step = columns_escape_span(bytes + i, len - i);
        } else if (c == '\t') {
            text_char(out, ' ');
        } else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
            text_char(out, '?');
        } else {
            text_append(out, bytes + i, step);
        }
        i += step;
    }
}

/* The shortest decimal that gives a float back, and its text. Part of shipper.c, which has the rules.

   The way is Schubfach (Raffaello Giulietti, "The Schubfach way to render doubles"): a float is c * 2^q, and the decimals that
   round to it lie between two bounds. Multiplied by a power of ten, of which 128 bits are enough, the bounds are whole
   numbers, and so is the shortest decimal between them. */

enum { LEAST_POWER = -292, MOST_POWER = 324, POWERS = MOST_POWER - LEAST_POWER + 1 };
enum { FLOAT_TEXT = 25 };       /* -2.2250738585072014e-308 has 24 */

/* For each power of ten its first 128 bits, rounded up: the low half, then the high one. `know_powers` fills it. */
static uint64_t powers[POWERS][2];

typedef struct {
    uint64_t digits;
    int power;                  /* the number is digits * 10^power */
} Decimal;

/* The first bits of a product, its last one set where anything is behind them. */
static inline uint64_t
rounded_to_odd(const uint64_t *power, uint64_t factor)
{
    unsigned __int128 low = (unsigned __int128)power[0] * factor, high = (unsigned __int128)power[1] * factor;
    high += (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* bits: of the fraction in this kind of float; lowest: the q of its smallest numbers. `c` is not 0. */
static Decimal
shortest(uint64_t fraction, int exponent, int bits, int lowest)
{
    uint64_t c = exponent ? fraction | 1ULL << bits : fraction;
    int q = exponent ? exponent + lowest - 1 : lowest;
    if (q <= 0 && -q <= bits && !(c & ((1ULL << -q) - 1)))
        return (Decimal){c >> -q, 0};
    int narrow = !fraction && exponent > 1;     /* the next number below is half as far away as the one above */
    int k = (q * 1262611 - (narrow ? 524031 : 0)) >> 22;        /* how far the decimal is from whole: log10 of the space */
    int shift = q + ((-k * 1741647) >> 19) + 1;
    const uint64_t *power = powers[-k - LEAST_POWER];
    uint64_t odd = c & 1, least = rounded_to_odd(power, (4 * c - 2 + (uint64_t)narrow) << shift) + odd;
    uint64_t middle = rounded_to_odd(power, (4 * c) << shift), most = rounded_to_odd(power, (4 * c + 2) << shift) - odd;
    uint64_t whole = middle / 4, tens = whole / 10;
    int below, above;
    if (whole >= 10) {
        below = least <= 40 * tens;
        above = 40 * tens + 40 <= most;
        if (below != above)
            return (Decimal){tens + (uint64_t)above, k + 1};
    }
    below = least <= 4 * whole;
    above = 4 * whole + 4 <= most;
    if (below != above)
        return (Decimal){whole + (uint64_t)above, k};
    return (Decimal){whole + (middle > 4 * whole + 2 || (middle == 4 * whole + 2 && whole & 1)), k};
}

static const char PAIRS[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/* The digits of a number, the last of them just before `end`. Where the first is. */
static inline char *
digits_before(char *end, uint64_t number)
{
    for (; number >= 100000000; number /= 100000000, end -= 8) {
        uint32_t eight = (uint32_t)(number % 100000000), high = eight / 10000, low = eight % 10000;
        memcpy(end - 8, PAIRS + 2 * (high / 100), 2);
        memcpy(end - 6, PAIRS + 2 * (high % 100), 2);
        memcpy(end - 4, PAIRS + 2 * (low / 100), 2);
        memcpy(end - 2, PAIRS + 2 * (low % 100), 2);
    }
    uint32_t rest = (uint32_t)number;
    for (; rest >= 100; rest /= 100)
        memcpy(end -= 2, PAIRS + 2 * (rest % 100), 2);
    if (rest >= 10)
        memcpy(end -= 2, PAIRS + 2 * rest, 2);
    else
        *--end = (char)('0' + rest);
    return end;
}

static inline char *
put(char *to, const char *from, size_t size)
{
    memcpy(to, from, size);
    return to + size;
}

static inline char *
zeros(char *to, int count)
{
    memset(to, '0', (size_t)count);
    return to + count;
}

/* As Arrow has it, with a point or an exponent: from 1e-6 to below 1e10 all digits, else one before the point. */
static char *
decimal_text(char *to, Decimal number)
{
    char all[20], *end = all + sizeof all, *first;
    while (number.digits % 10 == 0) {
        number.digits /= 10;
        number.power++;
    }
    first = digits_before(end, number.digits);
    int count = (int)(end - first), point = count + number.power;
    if (point <= -6 || point > 10) {
        *to++ = *first;
        if (count > 1) {
            *to++ = '.';
            to = put(to, first + 1, (size_t)count - 1);
        }
        *to++ = 'e';
        *to++ = point > 0 ? '+' : '-';
        first = digits_before(end, (uint64_t)(point > 0 ? point - 1 : 1 - point));
        return put(to, first, (size_t)(end - first));
    }
    if (point <= 0)
        return put(zeros(put(to, "0.", 2), -point), first, (size_t)count);
    if (point >= count)
        return put(zeros(put(to, first, (size_t)count), point - count), ".0", 2);
    to = put(to, first, (size_t)point);
    *to++ = '.';
    return put(to, first + point, (size_t)(count - point));
}

/* bits and lowest: as for `shortest`; exponents: the exponent of what is no number. */
static inline char *
float_text(char *to, int negative, uint64_t fraction, int exponent, int bits, int lowest, int exponents)
{
    if (exponent == exponents && fraction)
        return put(to, "NaN", 3);
    if (negative)
        *to++ = '-';
    if (exponent == exponents)
        return put(to, "Inf", 3);
    return exponent || fraction ? decimal_text(to, shortest(fraction, exponent, bits, lowest)) : put(to, "0.0", 3);
}

static inline char *
double_text(char *to, uint64_t value)
{
    return float_text(to, (int)(value >> 63), value & ((1ULL << 52) - 1), (int)(value >> 52 & 0x7FF), 52, -1074, 0x7FF);
}

static inline char *
single_text(char *to, uint32_t value)
{
    return float_text(to, (int)(value >> 31), value & ((1U << 23) - 1), (int)(value >> 23 & 0xFF), 23, -149, 0xFF);
}

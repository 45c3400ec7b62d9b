"""Writes the constant integer tables of probabilities (see src/container/FORMAT.md) as Rust.

    python models/train/tables.py > src/entropy/tables.rs

Computed with 60 decimal digits, so that no entry depends on a mathematics library.
"""

from decimal import ROUND_HALF_UP, Decimal, getcontext

SIGMA_BITS, SIGMA_REACH, SIGMA_STEPS = 24, 16, 32
EXP2_BITS, EXP2_STEPS = 16, 64
LN_BITS, LN_STEPS = 16, 512


def rounded(value):
    return int(value.to_integral_value(rounding=ROUND_HALF_UP))


def sigma_table():
    """round(2^24 / (1 + exp(-t))) for t from -16 to 16 in steps of 1/32."""
    entries = 2 * SIGMA_REACH * SIGMA_STEPS + 1
    arguments = [Decimal(i) / SIGMA_STEPS - SIGMA_REACH for i in range(entries)]
    return [rounded(2**SIGMA_BITS / (1 + (-t).exp())) for t in arguments]


def exp2_table():
    """round(2^16 * 2^(i / 64)) for i from 0 to 63."""
    return [rounded(2**EXP2_BITS * Decimal(2) ** (Decimal(i) / EXP2_STEPS)) for i in range(EXP2_STEPS)]


def ln_table():
    """round(2^16 * ln(1 + i / 512)) for i from 0 to 511."""
    return [rounded(2**LN_BITS * (1 + Decimal(i) / LN_STEPS).ln()) for i in range(LN_STEPS)]


def rust_array(name, documentation, values):
    lines = [f"/// {documentation}", f"pub(crate) static {name}: [u32; {len(values)}] = ["]
    for start in range(0, len(values), 8):
        lines.append("    " + " ".join(f"{value}," for value in values[start : start + 8]))
    return "\n".join([*lines, "];"])


def main():
    getcontext().prec = 60
    print("//! Constant tables of probabilities, written by `models/train/tables.py`. Part of the format.\n")
    print("#![cfg_attr(rustfmt, rustfmt_skip)]\n")
    print(rust_array("SIGMA", "`round(2^24 / (1 + exp(-t)))`, `t = i / 32 - 16`.", sigma_table()))
    print()
    print(rust_array("EXP2", "`round(2^16 * 2^(i / 64))`.", exp2_table()))
    print()
    print(rust_array("LN", "`round(2^16 * ln(1 + i / 512))`.", ln_table()))


if __name__ == "__main__":
    main()

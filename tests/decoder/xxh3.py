"""XXH3 with 64 bits and seed 0, of the xxHash specification (version 0.8), section "XXH3 Algorithm Description"."""

import struct

MASK = 2**64 - 1
PRIME32_1, PRIME32_2, PRIME32_3 = 0x9e3779b1, 0x85ebca77, 0xc2b2ae3d
PRIME64_1, PRIME64_2, PRIME64_3 = 0x9e3779b185ebca87, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9
PRIME64_4, PRIME64_5 = 0x85ebca77c2b2ae63, 0x27d4eb2f165667c5
PRIME_MX1, PRIME_MX2 = 0x165667919e3779f9, 0x9fb21c651e98df25

SECRET = bytes.fromhex("""
    b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee0
    3590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51
    e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8
    d17ad031ce45cb3a8f95160428afd7fbcabb4b407e""")


def u32(data, at):
    return int.from_bytes(data[at:at + 4], "little")


def u64(data, at):
    return int.from_bytes(data[at:at + 8], "little")


def avalanche(x):
    x = (x ^ x >> 37) * PRIME_MX1 & MASK
    return x ^ x >> 32


def avalanche_xxh64(x):
    x = (x ^ x >> 33) * PRIME64_2 & MASK
    x = (x ^ x >> 29) * PRIME64_3 & MASK
    return x ^ x >> 32


def folded(a, b):
    """Both halves of the product of two 64-bit numbers, one over the other."""
    product = a * b
    return product & MASK ^ product >> 64


def small(data):
    """Up to 16 bytes."""
    length = len(data)
    if length > 8:
        low = u64(data, 0) ^ u64(SECRET, 24) ^ u64(SECRET, 32)
        high = u64(data, length - 8) ^ u64(SECRET, 40) ^ u64(SECRET, 48)
        swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
        return avalanche((length + swapped + high + folded(low, high)) & MASK)
    if length > 3:
        x = (u32(data, length - 4) + (u32(data, 0) << 32)) ^ u64(SECRET, 8) ^ u64(SECRET, 16)
        x ^= (x << 49 | x >> 15) & MASK ^ (x << 24 | x >> 40) & MASK
        x = x * PRIME_MX2 & MASK
        x = (x ^ (x >> 35) + length) * PRIME_MX2 & MASK
        return x ^ x >> 28
    if length > 0:
        combined = data[length - 1] | length << 8 | data[0] << 16 | data[length >> 1] << 24
        return avalanche_xxh64(combined ^ u32(SECRET, 0) ^ u32(SECRET, 4))
    return avalanche_xxh64(u64(SECRET, 56) ^ u64(SECRET, 64))


def mixed(data, at, secret):
    return folded(u64(data, at) ^ u64(SECRET, secret), u64(data, at + 8) ^ u64(SECRET, secret + 8))


def medium(data):
    """17 to 240 bytes."""
    length = len(data)
    x = length * PRIME64_1
    if length <= 128:
        for i in range((length - 1) // 32, -1, -1):
            x += mixed(data, 16 * i, 32 * i) + mixed(data, length - 16 * (i + 1), 32 * i + 16)
        return avalanche(x & MASK)
    x = avalanche((x + sum(mixed(data, 16 * i, 16 * i) for i in range(8))) & MASK)
    x += sum(mixed(data, 16 * i, 16 * (i - 8) + 3) for i in range(8, length // 16))
    return avalanche((x + mixed(data, length - 16, 136 - 17)) & MASK)


def large(data):
    """More than 240 bytes."""
    length = len(data)
    sums = [PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1]
    stripes = (len(SECRET) - 64) // 8  # of a block

    def accumulate(at, secret):
        lanes = struct.unpack_from("<8Q", data, at)
        for i, (lane, key) in enumerate(zip(lanes, struct.unpack_from("<8Q", SECRET, secret))):
            keyed = lane ^ key
            sums[i ^ 1] = sums[i ^ 1] + lane & MASK
            sums[i] = sums[i] + (keyed & 0xffffffff) * (keyed >> 32) & MASK

    for stripe in range((length - 1) // 64):
        accumulate(64 * stripe, 8 * (stripe % stripes))
        if stripe % stripes == stripes - 1:
            for i, key in enumerate(struct.unpack_from("<8Q", SECRET, len(SECRET) - 64)):
                sums[i] = (sums[i] ^ sums[i] >> 47 ^ key) * PRIME32_1 & MASK
    accumulate(length - 64, len(SECRET) - 64 - 7)
    x = length * PRIME64_1
    for i in range(0, 8, 2):
        x += folded(sums[i] ^ u64(SECRET, 11 + 8 * i), sums[i + 1] ^ u64(SECRET, 19 + 8 * i))
    return avalanche(x & MASK)


def xxh3(data):
    return small(data) if len(data) <= 16 else medium(data) if len(data) <= 240 else large(data)

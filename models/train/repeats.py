"""Exact repeats: the pixels that pinned components of the mixture name, and how often these were right nearby.

The same candidates, tables and match masks as src/context/repeats.rs (format: section "Repeats"), for a whole tile at
once. All arrays have the border of a tile: (H + REACH, W + 2 REACH), see `data.pad`.
"""

import numpy as np

REACH = 3
LAG = REACH + 1
# Candidates at (dy, dx); then the three extrapolations; then what followed the two hashed contexts.
NEIGHBOURS = [(0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0)]
EXTRAPOLATIONS = [((0, -1), (-1, 0), (-1, -1)), ((0, -1), (0, -1), (0, -2)), ((-1, 0), (-1, 0), (-2, 0))]
LONG = [(-2, -1), (-2, 0), (-2, 1), (-1, -2), (-1, -1), (-1, 0), (-1, 1), (-1, 2), (0, -3), (0, -2), (0, -1)]
SHORT = [(-1, -1), (-1, 0), (-1, 1), (0, -2), (0, -1)]
CANDIDATES = len(NEIGHBOURS) + len(EXTRAPOLATIONS) + 2
TABLE_BITS = 10, 20  # as many entries as pixels, rounded up to a power of two, within these bounds
COUNT_MAX = 15
HASH_MULTIPLIER = 0x9E3779B1
# In the context: offsets of pixels whose match masks are seen, pairs of candidates that are compared, and the values of a
# set flag and of one count.
MATCHES_AT = [(0, -1), (-1, 0), (-1, -1), (-1, 1)]
PAIRS = [(0, k) for k in range(1, CANDIDATES)] + [(1, k) for k in range(2, CANDIDATES)] + [(9, 10)]
FLAG, COUNT_UNIT = 64, 8
# Planes of `extras` for C channels: long and short prediction (C each), their counts, the match mask.
MASK_BYTES = 2


def extra_planes(channels):
    return 2 * channels + 2 + MASK_BYTES


def context_size(channels):
    """The number of entries that repeats add to a context."""
    return 2 * channels + 2 + len(MATCHES_AT) * CANDIDATES + len(PAIRS)


def shifted(padded, place):
    """What every pixel of the tile sees at (dy, dx): (H, W, ...) of a padded tile."""
    (dy, dx), height, width = place, padded.shape[0] - REACH, padded.shape[1] - 2 * REACH
    return padded[REACH + dy : REACH + dy + height, REACH + dx : REACH + dx + width]


def lookup(padded, context):
    """The pixel (H, W, C) that last followed each pixel's context, by a hash table (the left neighbour if none has), and
    the number of times in a row that it did (H, W).

    Pixels are coded in steps, column + LAG * row; the table is updated after each step, from the top row down.
    """
    tile = shifted(padded, (0, 0)).astype(np.int16)
    height, width, channels = tile.shape
    hashed = np.zeros((height, width), np.uint32)
    for place in context:
        for channel in range(channels):
            sample = shifted(padded, place)[:, :, channel].astype(np.uint32)
            hashed = (hashed + sample + np.uint32(1)) * np.uint32(HASH_MULTIPLIER)
    table_bits = min(max(int(height * width - 1).bit_length(), TABLE_BITS[0]), TABLE_BITS[1])
    entry = (hashed >> np.uint32(32 - table_bits)).astype(np.int64).ravel()
    rows, columns = np.indices((height, width))
    step = (columns + LAG * rows).ravel()
    order = np.argsort((entry * (step.max() + 1) + step) * height + rows.ravel())
    entry, step, pixels = entry[order], step[order], tile.reshape(-1, channels)[order]
    places = np.arange(len(order))
    new_run = np.ones(len(order), bool)
    new_run[1:] = (entry[1:] != entry[:-1]) | (pixels[1:] != pixels[:-1]).any(1)
    run = places - np.maximum.accumulate(np.where(new_run, places, 0)) + 1
    new_step = np.ones(len(order), bool)
    new_step[1:] = (entry[1:] != entry[:-1]) | (step[1:] != step[:-1])
    last = np.maximum.accumulate(np.where(new_step, places, 0)) - 1  # last pixel of the entry before this step
    known = (last >= 0) & (entry[last] == entry)
    counts = np.zeros(len(order), np.int64)
    found = shifted(padded, (0, -1)).reshape(-1, channels).astype(np.int16)
    counts[order] = np.where(known, np.minimum(run[last], COUNT_MAX), 0)
    found[order[known]] = pixels[last[known]]
    return found.reshape(height, width, channels), counts.reshape(height, width)


def candidates(padded, long, short, maximum):
    """The candidates of every pixel, (H, W, C) each; `maximum` is the largest sample."""
    at = lambda place: shifted(padded, place).astype(np.int16)
    for place in NEIGHBOURS:
        yield at(place)
    for a, b, c in EXTRAPOLATIONS:
        yield np.clip(at(a) + at(b) - at(c), 0, maximum)
    yield long
    yield short


def extras(padded, maximum=255):
    """The planes that contexts of repeats need, (H + REACH, W + 2 REACH, extra_planes) uint8, zero in the border."""
    channels = padded.shape[2]
    (long, long_count), (short, short_count) = lookup(padded, LONG), lookup(padded, SHORT)
    tile, mask = shifted(padded, (0, 0)), 0
    for index, candidate in enumerate(candidates(padded, long, short, maximum)):
        mask |= (candidate == tile).all(2).astype(np.int64) << index
    result = np.zeros((*padded.shape[:2], extra_planes(channels)), np.uint8)
    inside = shifted(result, (0, 0))
    inside[:, :, :channels], inside[:, :, channels : 2 * channels] = long, short
    inside[:, :, 2 * channels], inside[:, :, 2 * channels + 1] = long_count, short_count
    inside[:, :, 2 * channels + 2], inside[:, :, 2 * channels + 3] = mask & 255, mask >> 8
    return result

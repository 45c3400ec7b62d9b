"""Normalised contexts: the surroundings of a pixel, independent of their contrast and sign.

For a pixel with C channels of D bits, d is a tap minus its channel's prediction, at full depth, and

    activity  a = the sum of |one tap - the other tap| over PAIRS and channels, brought to 8 bits (a shift right by D - 8,
                  or left by 8 - D); for one channel, three times that
    shift     s = how many of SHIFT_THRESHOLDS a is below
    sign      g = -1 if the sum of d over SIGN_TAPS and channels is negative, otherwise 1
    class       = how many of CLASS_THRESHOLDS are at most a

The context is, for each tap in raster order, for each channel, g d shifted by s + 8 - D - 1 bits (left, or arithmetically
right) and clamped to -128 ... 127; for each channel, its prediction minus half the range, brought to 8 bits; for each
class, CLASS_FLAG if it is the pixel's, otherwise 0. The network's means are in units of g 2^-s samples, its scales in
units of 2^-s samples.

Arrays are planes (B, N, H, W) of float32, which holds all of these integers; taps are lists of such planes.
"""

import torch

REACH = 3
WEST, NORTH, NORTHWEST, NORTHEAST, WEST2, NORTH2 = (0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0)
PAIRS = [
    # side by side
    (WEST, WEST2),
    (NORTH, NORTHWEST),
    (NORTHEAST, NORTH),
    ((-1, 2), NORTHEAST),
    (NORTHWEST, (-1, -2)),
    # one above the other
    (WEST, NORTHWEST),
    (NORTH, NORTH2),
    (NORTHEAST, (-2, 1)),
    (NORTHWEST, (-2, -1)),
    (WEST2, (-1, -2)),
]
SIGN_TAPS = [WEST, NORTH, NORTHEAST, NORTHWEST, WEST2, NORTH2]
SHIFT_THRESHOLDS = [480, 240, 120, 60]
# Quantiles of activity, in sixteenths, of the colour photographs in the training set; the lowest is all zeros.
CLASS_THRESHOLDS = [1, 6, 12, 18, 24, 31, 40, 51, 67, 88, 119, 164, 233, 345, 564]
CLASSES = len(CLASS_THRESHOLDS) + 1
CLASS_FLAG = 32


def place_index(place):
    """The index of the tap at offset (down, right) in raster order."""
    return (place[0] + REACH) * (2 * REACH + 1) + place[1] + REACH


def activity_of(differences, depth=8):
    """The activity (B, 1, H, W), from taps minus predictions, each (B, C, H, W)."""
    at = lambda place: differences[place_index(place)]
    total = sum((at(a) - at(b)).abs().sum(1, keepdim=True) for a, b in PAIRS)
    total = torch.floor(total * 2.0 ** (8 - depth))
    return total * 3 if differences[0].shape[1] == 1 else total


def shift_of(activity):
    return sum((activity < threshold).float() for threshold in SHIFT_THRESHOLDS)


def sign_of(differences):
    total = sum(differences[place_index(place)].sum(1, keepdim=True) for place in SIGN_TAPS)
    return torch.where(total < 0, -1.0, 1.0)


def class_of(activity):
    return sum((activity >= threshold).float() for threshold in CLASS_THRESHOLDS)


def normalized(differences, prediction, depth=8):
    """The planes of the context, in order, and shift and sign (B, 1, H, W)."""
    activity = activity_of(differences, depth)
    shift, sign = shift_of(activity), sign_of(differences)
    factor = sign * torch.exp2(shift + (8 - depth - 1))
    features = [torch.floor(difference * factor).clamp(-128, 127) for difference in differences]
    features.append(torch.floor((prediction - 2.0 ** (depth - 1)) * 2.0 ** (8 - depth)))
    classes = torch.arange(CLASSES, device=prediction.device).view(1, CLASSES, 1, 1)
    features.append((class_of(activity) == classes) * float(CLASS_FLAG))
    return features, shift, sign

from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
PHOTOGRAPH = ROOT / "tests/images/kodim23.png"
FORMATS = ROOT / "tests/formats"


@pytest.fixture(scope="session")
def photograph() -> np.ndarray:
    """Rows and columns of a photograph, RGB."""
    from PIL import Image

    with Image.open(PHOTOGRAPH) as image:
        return np.asarray(image.crop((200, 100, 360, 220)))


def samples(shape: tuple[int, ...], depth: int, dtype: type = np.uint16) -> np.ndarray:
    """Noise with a trend: no two rows, columns or channels are alike."""
    random = np.random.default_rng(depth)
    return (random.integers(0, 1 << depth, shape) >> (np.arange(shape[1]) % 2)[None, :, *([None] * (len(shape) - 2))]).astype(dtype)

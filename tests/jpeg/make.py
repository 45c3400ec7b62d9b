"""Writes the small JPEG files of this folder: .venv/bin/python tests/jpeg/make.py (Pillow of tests/bench/requirements.txt)

They are pieces of tests/images/kodim23.png. The tests compare bytes, so that these files stay as they are, whatever a later
Pillow would write.
"""

from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).parent
PHOTOGRAPH = FOLDER.parent / "images" / "kodim23.png"


def main():
    photograph = Image.open(PHOTOGRAPH)
    piece = photograph.crop((200, 150, 200 + 93, 150 + 61))
    exif = Image.Exif()
    exif[0x010e] = "a boat and a bird"
    files = {
        "sequential": (piece, {"quality": 85, "exif": exif, "icc_profile": bytes(range(200)), "restart_marker_rows": 1}),
        "progressive": (piece, {"quality": 75, "progressive": True, "subsampling": "4:4:4"}),
        "grey": (piece.convert("L"), {"quality": 90, "optimize": True}),
        "cmyk": (piece.crop((0, 0, 33, 21)).convert("CMYK"), {"quality": 50}),
    }
    for name, (image, options) in files.items():
        image.save(FOLDER / (name + ".jpg"), **options)


if __name__ == "__main__":
    main()

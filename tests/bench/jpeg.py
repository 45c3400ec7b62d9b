"""The size of JPEG files compressed losslessly, compared with JPEG XL's transcoding.

    .venv/bin/python tests/bench/jpeg.py FOLDER [--output tests/bench/results/jpeg]

FOLDER has PNG files; Pillow makes JPEG files of them, sequential and progressive, at several qualities. Each is compressed
by `ansel compress` and by libjxl's transcoding (imagecodecs, which uses libjxl's default effort), and must come back byte for byte from both.
"""

import argparse
import io
import json
import subprocess
import tempfile
from pathlib import Path

import imagecodecs
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
KINDS = [(75, False), (85, False), (95, False), (85, True)]


def jpeg_of(path, quality, progressive):
    output = io.BytesIO()
    Image.open(path).convert("RGB").save(output, "JPEG", quality=quality, progressive=progressive, optimize=progressive)
    return output.getvalue()


def ansel(program, jpeg):
    """The bytes of the file that holds a JPEG file."""
    with tempfile.TemporaryDirectory() as folder:
        source, file, back = (Path(folder, name) for name in ("a.jpg", "a.ansel", "b.jpg"))
        source.write_bytes(jpeg)
        for arguments in (["compress", source, "-o", file], ["decompress", file, "-o", back]):
            subprocess.run([program, *arguments, "--quiet"], check=True)
        assert back.read_bytes() == jpeg
        return file.stat().st_size


def jpeg_xl(jpeg):
    file = imagecodecs.jpegxl_encode_jpeg(jpeg, numthreads=1)
    assert imagecodecs.jpegxl_decode_jpeg(file, numthreads=1) == jpeg
    return len(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ansel", type=Path, default=ROOT / "target/release/ansel")
    parser.add_argument("--output", type=Path, default=ROOT / "tests/bench/results/jpeg")
    options = parser.parse_args()
    codecs = {
        "ansel": lambda jpeg: ansel(options.ansel, jpeg),
        "JPEG XL": jpeg_xl,
    }
    rows = ["| JPEG files | bytes | " + " | ".join(codecs) + " |", "| --- | ---: " + "| ---: " * len(codecs) + "|"]
    results = []
    for quality, progressive in KINDS:
        files = [jpeg_of(path, quality, progressive) for path in sorted(options.folder.glob("*.png"))]
        kind = f"quality {quality}{', progressive' if progressive else ''}"
        source, cells = sum(map(len, files)), []
        for name, code in codecs.items():
            size = sum(map(code, files))
            results.append({"kind": kind, "files": len(files), "codec": name, "jpeg_bytes": source, "bytes": size})
            cells.append(f"{size} ({100 * (size / source - 1):+.1f} %)")
        rows.append(f"| {kind} | {source} | {' | '.join(cells)} |")
        print(rows[-1], flush=True)
    versions = f"imagecodecs {imagecodecs.__version__}, {imagecodecs.jpegxl_version()}"
    options.output.with_suffix(".md").write_text("\n".join([*rows, "", versions + "."]) + "\n")
    options.output.with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

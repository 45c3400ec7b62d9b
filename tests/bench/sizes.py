"""The size of every file of some folders: ansel beside oxipng, WebP lossless and JPEG XL.

    .venv/bin/python tests/bench/sizes.py FOLDER... --output tests/bench/results/formats

writes formats.md and formats.json. All codecs get the same pixels and no metadata: ansel with --strip, oxipng at level 4
with everything stripped, WebP at method 4 (8 bits only), JPEG XL at effort 9. A peer whose result does not decode to the
same pixels is left out for that file. The pixels are those of the PNG file that ansel decompresses to; where a PNG file was
compressed and imagecodecs reads other samples from it (a palette or a transparent colour that --strip dropped), the JSON
file has a note. Files that ansel refuses are listed with its message, without their folder.

Exit code 1 if a file of ansel is larger than the smaller one of oxipng and WebP by more than --margin bytes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
import oxipng

ROOT = Path(__file__).resolve().parents[2]
PEERS = {"oxipng": "oxipng -o4", "webp": "WebP m4", "jxl9": "JPEG XL e9"}


def run(ansel, *arguments):
    result = subprocess.run([ansel, *map(str, arguments)], capture_output=True, text=True)
    if result.returncode == 0:
        return None
    # The message, without the path of the file.
    return result.stderr.strip().splitlines()[-1].removeprefix("ansel: ").rpartition(str(arguments[1]) + ": ")[2]


def same(samples, decoded):
    return decoded.dtype == samples.dtype and np.array_equal(samples.squeeze(), decoded.squeeze())


def peer_sizes(samples, png):
    """The bytes of every peer that is lossless on these samples."""
    sizes = {"oxipng": len(oxipng.optimize_from_memory(png, level=4, strip=oxipng.StripChunks.all()))}
    grey = samples if samples.ndim == 2 else samples[..., 0]
    if samples.dtype == np.uint8:
        # WebP has no grey mode.
        colour = samples
        if samples.ndim == 2:
            colour = np.stack([grey] * 3, -1)
        elif samples.shape[2] == 2:
            colour = np.dstack([grey, grey, grey, samples[..., 1]])
        webp = imagecodecs.webp_encode(np.ascontiguousarray(colour), level=75, lossless=True, method=4)
        decoded = imagecodecs.webp_decode(webp, hasalpha=colour.shape[2] == 4)
        if same(colour, decoded):
            sizes["webp"] = len(webp)
    try:
        jxl = imagecodecs.jpegxl_encode(samples, lossless=True, effort=9, numthreads=1)
        if same(samples, imagecodecs.jpegxl_decode(jxl)):
            sizes["jxl9"] = len(jxl)
    except (RuntimeError, ValueError):
        pass  # a kind of image that the binding does not support
    return sizes


def measure(ansel, path):
    """One row of the table."""
    line = {"file": f"{path.parent.name}/{path.name}"}
    with tempfile.TemporaryDirectory() as folder:
        compressed, plain, again = (Path(folder, name) for name in ("a.ansel", "a.png", "b.ansel"))
        line["refused"] = run(ansel, "compress", path, "-o", compressed, "-q", "--strip", "--allow-lossy-source")
        if line["refused"]:
            return line
        line["ansel"] = compressed.stat().st_size
        line["refused"] = run(ansel, "decompress", compressed, "-o", plain, "-q")
        if line["refused"]:
            return line
        png = plain.read_bytes()
        samples = imagecodecs.png_decode(png)
        if path.suffix.lower() == ".png":
            original = imagecodecs.png_decode(path.read_bytes())
            if not same(samples, original):
                # Without its metadata, a PNG may lose a palette or a transparent colour, never a sample.
                line["note"] = f"{original.dtype} {original.shape} as {samples.dtype} {samples.shape}"
        line.update(width=samples.shape[1], height=samples.shape[0], **peer_sizes(samples, png))
    return line


def table(lines, margin):
    rows = [f"| file | size | ansel | {' | '.join(PEERS.values())} | ansel - min(oxipng, WebP) |"]
    rows.append("| --- | --- " + "| ---: " * (len(PEERS) + 2) + "|")
    for line in lines:
        if line["refused"]:
            continue
        sizes = [str(line.get(peer, "-")) for peer in PEERS]
        rows.append(
            f"| {line['file']} | {line['width']} x {line['height']} | {line['ansel']} | {' | '.join(sizes)} "
            f"| {line['over']:+} |"
        )
    coded = [line for line in lines if not line["refused"]]
    for peer in ["webp", "oxipng", "jxl9"]:
        both = [line for line in coded if peer in line]
        ours, theirs = sum(line["ansel"] for line in both), sum(line[peer] for line in both)
        if both:
            rows.append(f"\n{PEERS[peer]}: {len(both)} files, {theirs} bytes; ansel {ours}: {100 * (ours / theirs - 1):+.1f} %")
    over = [line["file"] for line in coded if line["over"] > margin]
    rows.append(f"\nMore than {margin} bytes above the smaller of oxipng and WebP: {', '.join(over) or 'none'}.")
    refused = [f"* {line['file']}: {line['refused']}" for line in lines if line["refused"]]
    rows += ["\nRefused:\n", *refused] if refused else []
    return "\n".join(rows) + "\n", over


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--ansel", type=Path, default=ROOT / "target/release/ansel")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--margin", type=int, default=64, help="bytes that ansel may be larger")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    skipped = {".md", ".txt", ""}
    paths = sorted(
        p for folder in options.folders for p in folder.rglob("*") if p.is_file() and p.suffix.lower() not in skipped
    )
    with ProcessPoolExecutor(options.jobs) as pool:
        lines = []
        for line in pool.map(measure, [options.ansel] * len(paths), paths):
            if not line["refused"]:
                line["over"] = line["ansel"] - min(line[peer] for peer in ("oxipng", "webp") if peer in line)
            lines.append(line)
            print(line, flush=True)
    text, over = table(lines, options.margin)
    options.output.with_suffix(".md").write_text(text)
    options.output.with_suffix(".json").write_text(json.dumps(lines, indent=1) + "\n")
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()

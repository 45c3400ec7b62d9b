"""The table and the pictures of docs/theory.md: files by the terms of their bounds, and what each model believes.

    cargo build --release && cargo build --release --features bench --example drawn
    .venv/bin/python tests/bench/theory.py PHOTOGRAPH... [--crop 256] [--model NAME_OR_FILE]... [--output docs]

prints the table, for `ansel compress FILE --strip -e 5 --model MODEL` of the photographs or of the middle of each, and
writes theory-bits.png and theory-samples.png. The terms are those of `ansel info --bits --json`, pooled over the photographs;
families without a bound have one, the exact probability of the samples. Speeds are per second of CPU time (user and system)
of `ansel verify`, starts included. What a model believes are images that random
words decode to (tests/bench/drawn.rs); none of them are samples of any photograph.
"""

import argparse
import json
import resource
import subprocess
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[2]
MODELS = ["default", "flow", "realnvp", "vae"]
EXACT = "exact"
# Terms, and what they are in the formulas.
TERMS = {
    EXACT: "$-\\log_2 P(y)$, exact",
    "reconstruction": "$-\\log_2 p(x|z)$, reconstruction",
    "base": "$-\\log_2 p(z)$, base",
    "log-determinant": "$-\\log_2|\\det J|$, log-determinant",
    "primer": "primer",
    "dequantization": "$\\log_2 q(u|y)$, dequantization: comes back",
    "posterior": "$\\log_2 q(z|x)$, posterior: comes back",
}
# The picture of samples: the pixels of a side that are drawn and that are shown, images in a row, pixels between and above
# images.
DRAWN, SHOWN, COLUMNS, MARGIN, LABEL = 128, 96, 6, 8, 18


def bits(ansel, images, model):
    """The terms of all images, the ideal bits and those of the files, in bpsp; and decoded megapixels per second."""
    sums, ideal, size, samples, pixels, seconds = {}, 0, 0, 0, 0, 0.0
    own = ["--model", model] if Path(model).is_file() else []
    with tempfile.TemporaryDirectory() as folder:
        for image in images:
            file = Path(folder, "a.ansel")
            options = ["--strip", "-e", "5", "--model", model, "--force", "--quiet"]
            subprocess.run([ansel, "compress", image, *options, "-o", file], check=True)
            found = subprocess.run([ansel, "info", file, "--bits", "--json", *own], check=True, capture_output=True)
            info = json.loads(found.stdout)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([ansel, "verify", file, "--quiet", *own], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            pixels += info["width"] * info["height"]
            for term, value in info.get("bound_bits", {EXACT: info["ideal_bits"]}).items():
                sums[term] = sums.get(term, 0) + value
            ideal += info["ideal_bits"]
            size += 8 * info["bytes"]["file"]
            samples += info["width"] * info["height"] * info["channels"]
    return {term: value / samples for term, value in sums.items()}, ideal / samples, size / samples, pixels / 1e6 / seconds


def table(rows):
    print("| model | bound | file | file over bound | decoded MP/s |", "| --- | ---: | ---: | ---: | ---: |", sep="\n")
    for model, (_, ideal, size, speed) in rows.items():
        print(f"| `{Path(model).stem}` | {ideal:.4f} | {size:.4f} | {100 * (size / ideal - 1):.2f} % | {speed:.2f} |")
    for model, (terms, *_) in rows.items():
        print(f"{Path(model).stem}: " + ", ".join(f"{term} {value:.4f}" for term, value in terms.items()))


def bars(rows, path):
    """Stacked bars: what is paid upwards, what comes back downwards, the sum as a line."""
    figure, axes = plt.subplots(figsize=(8, 3.6), dpi=100)
    names = [Path(model).stem for model in rows]
    for index, (terms, ideal, *_) in enumerate(rows.values()):
        ends = {True: 0, False: 0}
        for place, term in enumerate(TERMS):
            value = terms.get(term, 0)
            axes.barh(index, value, left=ends[value > 0], color=f"C{place}", label=TERMS[term] if index == 0 else None)
            ends[value > 0] += value
        axes.plot([ideal, ideal], [index - 0.45, index + 0.45], color="black", label="sum" if index == 0 else None)
        axes.annotate(f" {ideal:.3f}", (max(ends[True], ideal), index), va="center", fontsize=9)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set_xlabel("bits per sample")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=3)
    figure.tight_layout()
    figure.savefig(path)
    small(Image.open(path).convert("RGB"), path)


def small(image, path):
    """Few colours are enough for bars, and make a small file."""
    image.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def believed(drawn, path):
    """All models' samples in one picture."""
    with tempfile.TemporaryDirectory() as folder:
        names = subprocess.run([drawn, folder, str(DRAWN)], check=True, capture_output=True, text=True).stdout.split()
        samples = {Path(name).stem: Image.open(Path(folder, name)).crop((0, 0, SHOWN, SHOWN)) for name in names}
    width, height = SHOWN + MARGIN, SHOWN + LABEL + MARGIN
    rows = -(-len(samples) // COLUMNS)
    picture = Image.new("RGB", (COLUMNS * width + MARGIN, rows * height + MARGIN), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=12)
    for index, (name, sample) in enumerate(samples.items()):
        x, y = MARGIN + index % COLUMNS * width, MARGIN + index // COLUMNS * height
        if name.endswith("luma-chroma"):
            sample = Image.merge("YCbCr", sample.split()).convert("RGB")
        picture.paste(sample, (x, y + LABEL))
        label = name.replace("-", " ", 1).replace("graphics-plane", "plane").replace("luma-chroma", "YCbCr")
        draw.text((x, y), label, fill="black", font=font)
    picture.save(path, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--crop", type=int, help="side of the middle that is taken, in pixels")
    parser.add_argument("--model", action="append", help=f"{', '.join(MODELS)} if it is not given")
    parser.add_argument("--programs", type=Path, default=ROOT / "target/release", help="where the programs are")
    parser.add_argument("--output", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images = []
        for path in options.photographs:
            image = Image.open(path).convert("RGB")
            side, (width, height) = options.crop or max(image.size), image.size
            left, top = max(0, (width - side) // 2), max(0, (height - side) // 2)
            images.append(Path(folder, path.stem + ".png"))
            image.crop((left, top, min(width, left + side), min(height, top + side))).save(images[-1])
        ansel = options.programs / "ansel"
        rows = {model: bits(ansel, images, model) for model in options.model or MODELS}
    table(rows)
    bars(rows, options.output / "theory-bits.png")
    believed(options.programs / "examples/drawn", options.output / "theory-samples.png")


if __name__ == "__main__":
    main()

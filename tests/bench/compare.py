"""Size, speed and memory of ansel beside JPEG XL, WebP lossless and oxipng.

    python -m venv .venv && .venv/bin/pip install -r tests/bench/requirements.txt
    cargo build --release
    .venv/bin/python tests/bench/compare.py IMAGES_FOLDER --output tests/bench/results/kodak

writes kodak.md (a table), kodak.json (all numbers) and kodak.svg (size against speed).
Needs Python 3.11 or later and Linux, where memory is read from /proc.

Images are 8-bit grey or RGB files. Every round trip is checked pixel for pixel; the first
failure ends the run with exit code 1, and nothing is written.

bpsp    bits per sub-pixel, 8 x bytes / (width x height x channels), pooled over the set
MP/s    millions of pixels per second of CPU time (user + system), with one thread
MB      millions of bytes, the peak of encoding and decoding

The peers run in one process each, on images that are already in memory. Their peak is what
they use above a baseline, the interpreter's memory once the images are loaded. ansel reads
and writes uncompressed PPM or PGM files: one process compresses all images, one decodes them
all (`ansel verify`). Its time includes start-up, loading the model and file access; its peak
is the whole process. The codecs run one after the other, each --repeat times over the whole
set, and the fastest time is kept, for encoding and for decoding.

ansel-plain codes the samples as they are (--transforms none): the difference is what
recovered luma-chroma planes, palettes and the like gain. ansel-turbo, ansel-fast and ansel-max
do as ansel-plain with smaller and larger networks, ansel-flow with the flow, ansel-effort-max
with a network that learns (--effort high). Rows that end in -unverified do not decode what they
wrote (--verify none), as no peer does. Rows that end in -avx2 use no wider vectors than AVX2's
(ANSEL_INSTRUCTIONS=avx2); any other limit holds for all rows if that variable is set.
threads.py measures what threads gain.

cjxl9g3 is libjxl's own program at effort 9 with the largest groups (-e 9 -g 3), which the Python
package cannot ask for; its version may be another one, and its times include start-up and file
access, as ansel's do. It is left out where cjxl and djxl are not installed.

WebP has no grey mode: a grey image reaches it as RGB with three equal channels. oxipng
receives an uncompressed PNG that was made before the clock starts.
"""

import argparse
import contextlib
import importlib
import importlib.metadata
import io
import json
import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import report

# ansel's options: a row each, of (label, arguments).
PLAIN = ["--transforms", "none"]
UNVERIFIED = ["--verify", "none"]
OURS = {
    "ansel": ("ansel", []),
    "ansel-plain": ("ansel, no transforms", PLAIN),
    "ansel-plain-unverified": ("ansel, no transforms, not verified", [*PLAIN, *UNVERIFIED]),
    "ansel-turbo": ("ansel turbo, no transforms", ["--model", "turbo", *PLAIN]),
    "ansel-turbo-unverified": ("ansel turbo, no transforms, not verified",
                               ["--model", "turbo", *PLAIN, *UNVERIFIED]),
    "ansel-fast": ("ansel fast, no transforms", ["--model", "fast", *PLAIN]),
    "ansel-fast-unverified": ("ansel fast, no transforms, not verified",
                              ["--model", "fast", *PLAIN, *UNVERIFIED]),
    "ansel-max": ("ansel max, no transforms", ["--model", "max", *PLAIN]),
    "ansel-flow": ("ansel flow, no transforms", ["--model", "flow", *PLAIN]),
    "ansel-effort-max": ("ansel --effort high, no transforms", ["--effort", "high", *PLAIN]),
    "ansel-plain-avx2": ("ansel, no transforms, AVX2", PLAIN),
    "ansel-fast-avx2": ("ansel fast, no transforms, AVX2", ["--model", "fast", *PLAIN]),
}
PEERS = {"jxl1": "JPEG XL effort 1", "jxl3": "JPEG XL effort 3", "jxl7": "JPEG XL effort 7",
         "jxl9": "JPEG XL effort 9", "jxl10": "JPEG XL effort 10",
         "webp": "WebP lossless method 4", "oxipng": "oxipng level 2"}
CJXL = {"cjxl9g3": ("JPEG XL effort 9, largest groups (cjxl)", ["-e", "9", "-g", "3"])}
SUFFIXES = {".pgm", ".png", ".ppm", ".webp"}
PACKAGES = {"imagecodecs": "imagecodecs", "matplotlib": "matplotlib", "numpy": "numpy",
            "oxipng": "pyoxipng", "PIL": "pillow"}  # module: package

# Runs a command; prints its CPU seconds, peak memory in KiB and exit code. A new process's
# ru_maxrss starts at the memory of its parent, so the parent has to be smaller than ansel.
LAUNCHER = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
                     file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, usage = os.wait4(pid, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""


class BenchError(Exception):
    """An error for the user; ends the run with exit code 1."""


def require(module: str):
    """Import a module of requirements.txt, or say which package is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = PACKAGES[module.partition(".")[0]]
        raise BenchError(f"the package {package} is missing or broken ({error}); "
                         "run: pip install -r tests/bench/requirements.txt") from error


# Images


def load(path: Path):
    """Samples of an 8-bit image: (height, width) for grey, (height, width, 3) for RGB."""
    pillow, np = require("PIL.Image"), require("numpy")
    try:
        with pillow.open(path) as image:
            # Pillow reduces 16-bit RGB to 8 bits and scales 1, 2 and 4-bit grey. Its raw
            # mode tells; WebP, always 8-bit, has no tiles.
            stored = [tile.args if tile.codec_name in ("raw", "zip") else tile.codec_name
                      for tile in image.tile]
            plain = all(args == image.mode for args in stored)
            if image.mode not in ("L", "RGB") or not plain or "transparency" in image.info:
                raise BenchError(f"{path.name}: only 8-bit grey and RGB images are supported "
                                 f"(mode {image.mode}, stored as {stored})")
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise BenchError(f"{path.name}: cannot be read as an image: {error}") from error


def describe(name: str, samples) -> dict:
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    return {"image": name, "width": width, "height": height, "channels": channels}


def convert(folder: Path, limit: int | None, target: Path) -> tuple[list[Path], list[dict]]:
    """Write the images of a folder as PPM or PGM; return these files and their shapes."""
    if not folder.is_dir():
        raise BenchError(f"{folder}: not a folder")
    names = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    if not names:
        raise BenchError(f"{folder}: no images ({', '.join(sorted(SUFFIXES))}) in this folder")
    files, shapes = [], []
    for index, path in enumerate(names[:limit]):
        samples = load(path)
        shapes.append(describe(path.name, samples))
        files.append(target / f"{index:05}.{'pgm' if samples.ndim == 2 else 'ppm'}")
        require("PIL.Image").fromarray(samples).save(files[-1])
    return files, shapes


def check(codec: str, shape: dict, expected, decoded) -> None:
    """Compare row by row, which takes little memory compared with a codec."""
    same_kind = expected.shape == decoded.shape and expected.dtype == decoded.dtype
    if not same_kind or any((a != b).any() for a, b in zip(expected, decoded)):
        raise BenchError(f"{codec}: {shape['image']}: the decoded pixels differ from the original")


# Peers, in this process


def peer_functions(name: str):
    """(prepare, encode, decode, version) of a peer; prepare is outside the clock."""
    np, pillow = require("numpy"), require("PIL.Image")
    if name == "oxipng":
        oxipng = require("oxipng")

        def to_png(samples):
            png = io.BytesIO()
            pillow.fromarray(samples).save(png, "PNG", compress_level=0)
            return png.getvalue()

        def from_png(png, samples):
            with pillow.open(io.BytesIO(png)) as image:
                return np.asarray(image.convert("L" if samples.ndim == 2 else "RGB"))

        version = f"pyoxipng {importlib.metadata.version('pyoxipng')}"
        return to_png, lambda png: oxipng.optimize_from_memory(png, level=2), from_png, version
    codecs = require("imagecodecs")
    if name == "webp":
        def to_rgb(samples):
            return np.stack([samples] * 3, axis=-1) if samples.ndim == 2 else samples

        def from_webp(data, samples):
            rgb = codecs.webp_decode(data)
            grey = samples.ndim == 2 and (rgb == rgb[..., :1]).all()
            return rgb[..., 0] if grey else rgb

        return (to_rgb, lambda rgb: codecs.webp_encode(rgb, level=75, lossless=True, method=4),
                from_webp, codecs.webp_version())
    effort = int(name.removeprefix("jxl"))
    return (lambda samples: samples,
            lambda samples: codecs.jpegxl_encode(samples, lossless=True, effort=effort,
                                                 numthreads=1),
            lambda data, samples: codecs.jpegxl_decode(data, numthreads=1),
            codecs.jpegxl_version())


def peak_memory() -> int:
    """Peak resident memory of this process in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def run_peer(name: str, files: list[Path], shapes: list[dict], repeat: int) -> dict:
    """Measure one peer; runs in a process of its own."""
    os.environ["RAYON_NUM_THREADS"] = "1"  # oxipng
    prepare, encode, decode, version = peer_functions(name)
    images = [load(path) for path in files]
    sources = [prepare(samples) for samples in images]
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak to the present use
    baseline = peak_memory()
    sizes, encode_runs, decode_runs = [], [], []
    for _ in range(repeat):
        sizes, encode_seconds, decode_seconds = [], [], []
        for shape, samples, source in zip(shapes, images, sources):
            start = time.process_time()
            data = encode(source)
            middle = time.process_time()
            decoded = decode(data, samples)
            end = time.process_time()
            check(PEERS[name], shape, samples, decoded)
            sizes.append(len(data))
            encode_seconds.append(middle - start)
            decode_seconds.append(end - middle)
        encode_runs.append(encode_seconds)
        decode_runs.append(decode_seconds)
    return {"codec": PEERS[name], "key": name, "version": version, "sizes": sizes,
            "encode_runs": encode_runs, "decode_runs": decode_runs,
            "peak_bytes": peak_memory() - baseline, "baseline_bytes": baseline}


def run_peer_alone(name: str, *arguments) -> dict:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as pool:
        try:
            return pool.submit(run_peer, name, *arguments).result()
        except BrokenProcessPool as error:
            raise BenchError(f"{PEERS[name]}: its process died") from error


# ansel, as a process


def call(command: list[str], environment: dict | None = None) -> tuple[float, int]:
    """Run a command; CPU seconds and peak memory in bytes."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER, *command],
                          capture_output=True, text=True, errors="replace", env=environment)
    fields = done.stdout.split()
    if done.returncode != 0 or len(fields) != 3:
        raise BenchError(f"{command[0]}: cannot be run: {done.stderr.strip()}")
    if fields[2] != "0":
        raise BenchError(f"{' '.join(command[:2])} failed with exit code {fields[2]}: "
                         f"{done.stderr.strip()}")
    return float(fields[0]), 1024 * int(fields[1])


def run_ansel(ansel: str, name: str, files: list[Path], shapes: list[dict], repeat: int,
              scratch: Path) -> dict:
    """Measure ansel with its options; its times are for all images together."""
    label, arguments = OURS[name]
    environment = os.environ | ({"ANSEL_INSTRUCTIONS": "avx2"} if name.endswith("-avx2") else {})
    options = ["--force", "--quiet", "--threads", "1"]
    packed = [scratch / f"{path.stem}.ansel" for path in files]
    for path in packed:
        path.unlink(missing_ok=True)  # files of an earlier row must not be mistaken for this one's
    # With one input, the output is a file; with several, a folder.
    output = packed[0] if len(files) == 1 else scratch
    compress = [ansel, "compress", *map(str, files), "-o", str(output), *options, *arguments]
    verify = [ansel, "verify", *map(str, packed), "--quiet", "--threads", "1"]
    encode_runs, decode_runs, peaks = [], [], []
    for _ in range(repeat):
        for command, runs in ((compress, encode_runs), (verify, decode_runs)):
            seconds, peak = call(command, environment)
            runs.append([seconds])
            peaks.append(peak)
    for shape, source, data in zip(shapes, files, packed):
        if not data.is_file():
            raise BenchError(f"{label}: {shape['image']}: compress wrote no {data.name}")
        decoded = scratch / f"decoded{source.suffix}"
        call([ansel, "decompress", str(data), "-o", str(decoded), *options], environment)
        check(label, shape, load(source), load(decoded))
    version = subprocess.run([ansel, "--version"], capture_output=True, text=True,
                             env=environment)
    return {"codec": label, "key": "ansel", "sizes": [path.stat().st_size for path in packed],
            # The version number, and the instructions in use.
            "version": ", ".join(version.stdout.splitlines()) or "unknown",
            "start_seconds": start_up(ansel, arguments, environment, repeat, scratch),
            "encode_runs": encode_runs, "decode_runs": decode_runs,
            "peak_bytes": max(peaks), "baseline_bytes": 0}


def start_up(ansel: str, arguments: list[str], environment: dict, repeat: int,
             scratch: Path) -> float:
    """The CPU seconds of decoding a thumbnail, the fewest of some runs."""
    thumbnail, data = scratch / "thumbnail.ppm", scratch / "thumbnail.ansel"
    samples = bytes(7 * x * y % 251 for y in range(16) for x in range(48))
    thumbnail.write_bytes(b"P6 16 16 255\n" + samples)
    call([ansel, "compress", str(thumbnail), "-o", str(data), "--force", "--quiet", *arguments],
         environment)
    verify = [ansel, "verify", str(data), "--quiet", "--threads", "1"]
    return min(call(verify, environment)[0] for _ in range(repeat))


# cjxl and djxl, as processes


def run_cjxl(name: str, files: list[Path], shapes: list[dict], repeat: int,
             scratch: Path) -> dict:
    """Measure libjxl's programs with some options, a process per image."""
    (label, arguments), programs = CJXL[name], [shutil.which("cjxl"), shutil.which("djxl")]
    data = scratch / "cjxl.jxl"
    sizes, encode_runs, decode_runs, peaks = [], [], [], []
    for _ in range(repeat):
        sizes, encode_seconds, decode_seconds = [], [], []
        for shape, source in zip(shapes, files):
            decoded = scratch / f"cjxl{source.suffix}"
            for seconds, command in (
                (encode_seconds, [programs[0], str(source), str(data), "-d", "0", *arguments]),
                (decode_seconds, [programs[1], str(data), str(decoded)]),
            ):
                cpu, peak = call([*command, "--num_threads=0", "--quiet"])
                seconds.append(cpu)
                peaks.append(peak)
            check(label, shape, load(source), load(decoded))
            sizes.append(data.stat().st_size)
        encode_runs.append(encode_seconds)
        decode_runs.append(decode_seconds)
    version = subprocess.run([programs[0], "--version"], capture_output=True, text=True)
    return {"codec": label, "key": name, "sizes": sizes, "encode_runs": encode_runs,
            "version": version.stdout.partition("[")[0].strip() or "cjxl",
            "decode_runs": decode_runs, "peak_bytes": max(peaks), "baseline_bytes": 0}


# Command line


def parse() -> argparse.Namespace:
    def positive(text: str) -> int:
        if int(text) < 1:
            raise ValueError
        return int(text)

    def codecs(text: str) -> list[str]:
        unknown = [name for name in text.split(",") if name not in (*PEERS, *CJXL, *OURS)]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown codec {unknown[0]!r}")
        return list(dict.fromkeys(text.split(",")))

    installed = CJXL if shutil.which("cjxl") and shutil.which("djxl") else {}
    every = ",".join([*PEERS, *installed, *OURS])
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("images", type=Path, metavar="IMAGES_FOLDER")
    parser.add_argument("--output", type=Path, required=True, metavar="NAME",
                        help="write NAME.md, NAME.json and NAME.svg")
    parser.add_argument("--ansel", default="target/release/ansel", metavar="EXECUTABLE")
    parser.add_argument("--codecs", type=codecs, default=every, help=f"default: {every}")
    parser.add_argument("--limit", type=positive, help="only the first images, by name")
    parser.add_argument("--repeat", type=positive, default=3, help="default: %(default)s")
    return parser.parse_args()


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def measure(options: argparse.Namespace, scratch: Path) -> dict:
    ansel = shutil.which(options.ansel)
    if not ansel and not OURS.keys().isdisjoint(options.codecs):
        raise BenchError(f"{options.ansel}: not an executable (cargo build --release, or --ansel)")
    files, shapes = convert(options.images, options.limit, scratch)
    rows = []
    for name in options.codecs:
        print(name, file=sys.stderr, flush=True)
        if name in OURS:
            raw = run_ansel(ansel, name, files, shapes, options.repeat, scratch)
        elif name in CJXL:
            raw = run_cjxl(name, files, shapes, options.repeat, scratch)
        else:
            raw = run_peer_alone(name, files, shapes, options.repeat)
        rows.append(report.summarise(raw, shapes))
    packages = {name: importlib.metadata.version(name) for name in PACKAGES.values()}
    return {"folder": options.images.resolve().name, "images": len(shapes),
            "pixels": sum(s["width"] * s["height"] for s in shapes),
            "processor": processor(), "logical_cpus": os.cpu_count(), "threads": 1,
            "repeat": options.repeat, "python": platform.python_version(),
            "packages": packages, "ratios": report.ratios(rows), "codecs": rows}


def main() -> int:
    options = parse()
    try:
        for module in PACKAGES:
            require(module)
        with tempfile.TemporaryDirectory() as scratch:
            result = measure(options, Path(scratch))
        options.output.parent.mkdir(parents=True, exist_ok=True)
        name = str(options.output)
        Path(f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
        Path(f"{name}.md").write_text(report.markdown(result))
        report.figure(result["codecs"], Path(f"{name}.svg"))
    except (BenchError, OSError) as error:
        print(f"compare.py: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Whether the tests of bits-back coding can fail: each of these mistakes, made in a copy of the sources, must make one fail.

    python3 tests/mutations.py [--keep FOLDER]

Needs cargo; takes a build and some seconds of tests for each. FOLDER is where the copy is built, a temporary one if it is
not given. Exit code 1 if a mistake is not noticed.
"""

import argparse
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WALK = "src/walk/bits_back/"
OPERATIONS, COUPLE, DEQUANTIZE = (f"{WALK}{name}.rs" for name in ("operations", "couple", "dequantize"))
TESTS = ["walk::bits_back::tests", "entropy::bijections"]

# What is wrong then, the file, what is there, and what is put in its place.
MUTATIONS = [
    ("the channels of a pixel are pushed in another order than they are popped in", f"{WALK}observe.rs",
     "let mut samples = patch.planes.split_off(left);",
     "let mut samples = patch.planes.split_off(left);\n        samples.reverse();"),
    ("scales of channels are undone forwards", OPERATIONS,
     "plane.iter_mut().rev().for_each(|z| *z = self.unscaled(*z, exponent, false));",
     "plane.iter_mut().for_each(|z| *z = self.unscaled(*z, exponent, false));"),
    ("scales of a coupling are undone forwards", COUPLE,
     "for (index, &(y, x)) in places.iter().enumerate().rev() {",
     "for (index, &(y, x)) in places.iter().enumerate() {"),
    ("an encoder goes through pixels in the order of a decoder", COUPLE,
     "for (index, (y, x)) in places.into_iter().enumerate().rev() {",
     "for (index, (y, x)) in places.into_iter().enumerate() {"),
    ("the first half's noise is given back before the second half's", DEQUANTIZE,
     "for step in (0..2 * patch.planes.len()).rev() {",
     "for step in 0..2 * patch.planes.len() {"),
    ("noise is given back in the order of drawing", DEQUANTIZE,
     "for (index, &noise) in drawn.iter().enumerate().rev() {",
     "for (index, &noise) in drawn.iter().enumerate() {"),
    ("latents are given back in the order of drawing", OPERATIONS,
     "for z in plane.into_iter().rev() {",
     "for z in plane {"),
    ("channels are popped under each other's mixtures", OPERATIONS,
     "let planes = (0..*count).rev().map(|channel| {",
     "let planes = (0..*count).map(|channel| {"),
    ("a scale gives another remainder back than it took", "src/entropy/bijections.rs",
     "    push_uniform(stack, (below % factor) as u32, states);\n    (quotient << SCALE_BITS)",
     "    push_uniform(stack, (rest % factor) as u32, states);\n    (quotient << SCALE_BITS)"),
]


def tested(folder):
    """What the tests print, and whether they pass."""
    command = ["cargo", "test", "--quiet", "--no-default-features", "--features", "files", "--lib", "--", *TESTS]
    environment = {"CARGO_TARGET_DIR": str(folder / "target")}
    found = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert "error: could not compile" not in found.stdout, found.stdout
    return found.returncode == 0, found.stdout


def failures(output):
    """The first line of each panic, by test."""
    found = re.findall(r"thread '([\w:]+)'[^\n]* panicked at [^\n]*\n([^\n]*)", output)
    return [f"{test.rsplit('::', 1)[-1]}: {message}" for test, message in found]


def check(folder):
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True)
    for name in files.stdout.decode().splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    passed, output = tested(folder)
    assert passed, output
    unnoticed = 0
    for what, name, there, instead in MUTATIONS:
        file, text = folder / name, (ROOT / name).read_text()
        assert text.count(there) == 1, f"{name} has {text.count(there)} times: {there}"
        file.write_text(text.replace(there, instead))
        passed, output = tested(folder)
        file.write_text(text)
        unnoticed += passed
        print(f"{'NOT NOTICED' if passed else 'noticed'}: {what}", *failures(output), sep="\n    ", flush=True)
    return 1 if unnoticed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="a folder that is left as it is")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        return check(options.keep)
    with tempfile.TemporaryDirectory() as folder:
        return check(Path(folder))


if __name__ == "__main__":
    raise SystemExit(main())

#!/usr/bin/env bash
# An image compresses to the same bytes on older processors, emulated by qemu-user, and decodes there:
#
#     tests/emulated_processors.sh [path of the ansel program]
#
# Nehalem has no AVX2, so it runs the graph of standard operators; Haswell has AVX2 without VNNI. Linux on x86_64.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly PROCESSORS=(Nehalem Haswell)
readonly EFFORTS=(2 6 8)
readonly ANSEL=${1:-target/release/ansel}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# A photograph would take minutes.
{
    printf 'P6\n40 30\n255\n'
    for y in {0..29}; do for x in {0..39}; do
        printf '%b' "\\x$(printf %x $((60 + 2 * x + y * y / 9)))\\x$(printf %x $((x * y / 8 + 40)))\\x$(printf %x $((200 - 3 * x)))"
    done; done
} >"$folder/image.ppm"
for effort in "${EFFORTS[@]}"; do
    "$ANSEL" compress "$folder/image.ppm" -o "$folder/$effort.ansel" --effort "$effort" --transforms none --quiet
    for processor in "${PROCESSORS[@]}"; do
        emulated=(qemu-x86_64 -cpu "$processor" "$ANSEL")
        "${emulated[@]}" compress "$folder/image.ppm" -o "$folder/emulated.ansel" --effort "$effort" --transforms none \
            --force --quiet 2>"$folder/warnings" || { cat "$folder/warnings" && exit 1; }
        cmp "$folder/$effort.ansel" "$folder/emulated.ansel"
        "${emulated[@]}" decompress "$folder/$effort.ansel" -o "$folder/decoded.ppm" --force --quiet 2>"$folder/warnings" ||
            { cat "$folder/warnings" && exit 1; }
        cmp "$folder/image.ppm" "$folder/decoded.ppm"
        echo "effort $effort, $processor: same bytes, and they decode"
    done
done

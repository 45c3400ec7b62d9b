#!/usr/bin/env bash
# Files decode, and images compress to the same bytes, with the oldest supported ONNX Runtime and the newest:
#
#     tests/runtime_versions.sh [path of the ansel program]
#
# Fetches the wheels of both versions with pip into a temporary folder. Linux on x86_64.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly VERSIONS=(1.20.0 1.31.1)
readonly ANSEL=${1:-target/release/ansel}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for version in "${VERSIONS[@]}"; do
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --python-version 3.12 --implementation cp --abi cp312 \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux2014_x86_64 \
        --dest "$folder/$version" "onnxruntime==$version"
    python3 -m zipfile -e "$folder/$version"/*.whl "$folder/$version"
    ORT_DYLIB_PATH=$(echo "$folder/$version"/onnxruntime/capi/libonnxruntime.so.*)
    export ORT_DYLIB_PATH
    "$ANSEL" compress tests/images/kodim23.png -o "$folder/$version.ansel" --quiet
    "$ANSEL" verify tests/golden/v1 --quiet
    "$ANSEL" verify "$folder/${VERSIONS[0]}.ansel" --quiet
    cmp "$folder/${VERSIONS[0]}.ansel" "$folder/$version.ansel"
    echo "ONNX Runtime $version: same bytes, and all golden files decode"
done

#!/usr/bin/env bash
# The kernel gives the recorded answers on AArch64, and all golden files decode there, with NEON's dot products and without:
#
#     tests/aarch64.sh
#
# Processors are emulated by qemu-user, so it takes minutes. Needs `rustup target add aarch64-unknown-linux-gnu`, and the
# packages gcc-aarch64-linux-gnu and qemu-user of Debian.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly TARGET=aarch64-unknown-linux-gnu
# The second one has no dot products.
readonly PROCESSORS=(max cortex-a53)

export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
for processor in "${PROCESSORS[@]}"; do
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -cpu $processor -L /usr/aarch64-linux-gnu"
    cargo test --target "$TARGET" --no-default-features --features files --lib infer::kernel
    cargo test --target "$TARGET" --no-default-features --features files --test bare
    echo "$processor: same integers"
done

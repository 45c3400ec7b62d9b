#!/usr/bin/env bash
# Builds the wheel, installs it with its requirements into a virtual environment, and runs the tests there.
#
# Usage: bindings/python/test.sh [arguments of pytest]
# PYTHON chooses the interpreter, python3 otherwise; PROFILE that of cargo, release otherwise. The wheel and the environment
# are in target/, and are used again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

python=${PYTHON:-python3}
environment=target/venv-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[[ -x $environment/bin/python ]] || "$python" -m venv "$environment"
export PATH="$PWD/$environment/bin:$PATH"
python -m pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt

rm -rf target/wheels
maturin build --quiet --profile "${PROFILE:-release}" --interpreter python --out target/wheels
python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps target/wheels/*.whl
python -m pytest "$@"

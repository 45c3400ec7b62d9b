"""Where the library of ONNX Runtime is: that of the `onnxruntime` wheel, unless ORT_DYLIB_PATH says otherwise."""

import importlib.util
import os
import sys
from pathlib import Path


def provide() -> None:
    """Sets ORT_DYLIB_PATH if it is not set and the wheel is installed, which is not imported."""
    if os.environ.get("ORT_DYLIB_PATH"):
        return
    found = importlib.util.find_spec("onnxruntime")
    if found is None or not found.submodule_search_locations:
        return
    pattern = {"win32": "onnxruntime.dll", "darwin": "libonnxruntime*.dylib"}.get(sys.platform, "libonnxruntime.so*")
    for folder in found.submodule_search_locations:
        libraries = sorted(Path(folder, "capi").glob(pattern))
        if libraries:
            os.environ["ORT_DYLIB_PATH"] = str(libraries[0])
            return

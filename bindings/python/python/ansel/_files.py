"""Writing of files that are put in place completely or not at all."""

import os
import secrets
from collections.abc import Callable
from typing import BinaryIO, TypeVar

T = TypeVar("T")


def put(target: str | os.PathLike[str], write: Callable[[BinaryIO], T]) -> T:
    """Lets `write` write to a temporary file beside `target`, which then replaces it."""
    folder, name = os.path.split(os.fspath(target))
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            result = write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        try:
            os.remove(temporary)
        except FileNotFoundError:
            pass
        raise
    return result

"""The interpreter stays responsive: its lock is released, signals cancel work, and forked processes have their own codecs."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

import ansel


@pytest.fixture
def large() -> np.ndarray:
    """Takes minutes to compress."""
    return np.random.default_rng(1).integers(0, 256, (2000, 2000, 3), np.uint8)


@pytest.fixture
def alarm() -> Iterator[None]:
    """Sends the signal of Ctrl-C in half a second."""
    # A test that is run in the background starts with the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    yield
    timer.cancel()
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_encoding(large: np.ndarray, alarm: None) -> None:
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        ansel.encode(large, effort=9)
    assert time.monotonic() - started < 10
    # The codec still works.
    part = large[:8, :8]
    np.testing.assert_array_equal(ansel.decode(ansel.encode(part, effort=9)), part)


def test_ctrl_c_ends_streams(large: np.ndarray, alarm: None) -> None:
    import io

    encoder = ansel.encoder(io.BytesIO(), width=2000, height=2000, channels=3, effort=9)
    with pytest.raises(KeyboardInterrupt):
        encoder.write(large)
    with pytest.raises(ansel.MisuseError, match="has failed"):
        encoder.close()


def test_other_threads_run_meanwhile(photograph: np.ndarray) -> None:
    stamps: list[float] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            stamps.append(time.monotonic())
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    started = time.monotonic()
    ansel.encode(photograph, effort=9)
    took = time.monotonic() - started
    done.set()
    thread.join()
    within = [stamp for stamp in stamps if started <= stamp <= started + took]
    # A tenth of the rate on an otherwise idle machine.
    assert len(within) > took / 0.05


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own(photograph: np.ndarray) -> None:
    codec = ansel.Codec(effort=1, threads=2)
    image = np.tile(photograph, (1, 4, 1))  # two tiles, so that threads are started
    file = codec.encode(image)
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if codec.encode(image) == file and (codec.decode(file) == image).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert codec.encode(image) == file

"""An S3-compatible server in this process, which counts what it sends, and fails where a test says so."""

import dataclasses
import os
import pathlib
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("ANSEL", str(ROOT / "target/debug/ansel"))


@dataclasses.dataclass(frozen=True)
class Request:
    method: str
    """The bucket, the key, and what is asked for."""
    target: str
    sent: int


class Server:
    """moto's server, with a record of its requests."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        # Called before each request; returns "refuse", "lose" (its response), or None.
        self.fault: Callable[[str, str], str | None] = lambda method, target: None
        self._application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
        self.client = boto3.client("s3", endpoint_url=self.url, **keys)

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
        target = environ["PATH_INFO"].lstrip("/") + (f"?{query}" if query else "")
        fault = None if "boto" in environ.get("HTTP_USER_AGENT", "").lower() else self.fault(method, target)
        if fault == "refuse":
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start("503 Slow Down", [("Content-Length", "0")])
            return [b""]
        status: list[Any] = []
        body = b"".join(self._application(environ, lambda *begun: status.append(begun)))
        self.requests.append(Request(method, target, len(body)))
        if fault == "lose":
            start("503 Slow Down", [("Content-Length", "0")])
            return [b""]
        start(*status[0])
        return [body]

    def stop(self) -> None:
        self._server.shutdown()

    def objects(self, bucket: str) -> dict[str, bytes]:
        """All objects of a bucket, by key."""
        listed = self.client.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {found["Key"]: self.client.get_object(Bucket=bucket, Key=found["Key"])["Body"].read() for found in listed}


@pytest.fixture
def server() -> Iterator[Server]:
    """A server with the empty buckets `photos` and `archive`."""
    server = Server()
    server.client.create_bucket(Bucket="photos")
    server.client.create_bucket(Bucket="archive")
    yield server
    server.fault = lambda method, target: None
    # moto keeps its buckets as long as the process lives.
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/moto-api/reset", method="POST")).close()
    server.stop()


@pytest.fixture
def environment(server: Server) -> dict[str, str]:
    """The environment by which the program finds the server, as for any S3 client."""
    return {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ALLOW_HTTP": "true",
    }


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ansel(environment: dict[str, str], tmp_path: pathlib.Path) -> Run:
    """Runs the program in its own folder; it must exit with this code."""

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([PROGRAM, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


def pytest_configure() -> None:
    if not os.path.exists(PROGRAM):
        sys.exit(f"there is no {PROGRAM}: cargo build --features stores")

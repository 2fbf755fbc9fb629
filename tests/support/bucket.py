"""An S3 server on loopback: moto's, in a virtual environment of its own beside the built tools."""

import hashlib
import shutil
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from base import process
from embedded.tools import pins

REQUIREMENTS = Path(__file__).with_name("bucket-requirements.txt")
REGION = "eu-north-1"
INSTALL_LIMIT_SECONDS, START_LIMIT_SECONDS, POLL_SECONDS = 300.0, 60.0, 0.1


@contextmanager
def s3_server(log: Path) -> Iterator[str]:
    """The server's address. Skips the test where it cannot be installed."""
    try:
        python = _python()
    except process.ProcessError as error:
        pytest.skip(f"moto cannot be installed: {error}")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    with process.background([python, "-m", "moto.server", "-H", "127.0.0.1", "-p", port], log=log):
        end = time.monotonic() + START_LIMIT_SECONDS
        while not _answers(address):
            assert time.monotonic() < end, log.read_text(encoding="utf-8")
            time.sleep(POLL_SECONDS)
        yield address


def put(address: str, path: str, content: bytes = b"") -> None:
    """Make a bucket, or an object in one; the server looks at no signature."""
    with urllib.request.urlopen(urllib.request.Request(f"{address}/{path}", data=content, method="PUT")):
        pass


def _python() -> Path:
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    folder = pins.cache_folder().parent / f"bucket-{wanted}"
    python, whole = folder / "bin" / "python", folder / "whole"
    if not whole.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        process.run([sys.executable, "-m", "venv", folder], timeout=INSTALL_LIMIT_SECONDS)
        install = [python, "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS]
        process.run(install, timeout=INSTALL_LIMIT_SECONDS)
        whole.touch()
    return python


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=1):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False

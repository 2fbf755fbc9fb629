"""Fetches one file by HTTP: resumed after a break, held to its digest, and there whole or not at all."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import requests
import urllib3

from base.errors import MeshlabError
from base.files import sha256 as digest_of

from .downloads import host

ANSWER_SECONDS = 5.0
"""For a connection, for the first answer, and for each further piece."""
LIMIT_SECONDS = 900.0
TRIES, PAUSE_SECONDS = 4, 0.5
PIECE = 1 << 16
# Bytes as they are: a digest is of the file, and what is packed on the way cannot be resumed.
HEADERS = {"User-Agent": "meshlab", "Accept-Encoding": "identity"}
BREAKS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


class TransferError(MeshlabError):
    """A file could not be fetched. The text is one line: the address, and why."""


class NoAnswerError(TransferError):
    """Nobody answered at all."""


class DigestError(TransferError):
    """It came whole, but is not what was expected. Nothing of it is kept."""


class Transfer:
    """One file on its way. The attributes may be read from another thread."""

    def __init__(self, url: str, sha256: str, part: Path) -> None:
        """`part` is where the file grows; what is there already is taken for its beginning."""
        self.url, self.part = url, part
        self.answered = False
        self.abandoned = False
        self.received, self.total = 0, 0
        """Bytes; a total of 0 is not known."""
        self._sha256 = sha256
        self._end = time.monotonic() + LIMIT_SECONDS

    def run(self) -> Path:
        """Fetch it; returns the file, whole and with the right digest, which the caller takes away.

        Raises NoAnswerError, TransferError or DigestError.
        """
        resumed = self.part.exists()
        if resumed and digest_of(self.part) == self._sha256:
            return self.part
        with requests.Session() as session:
            self._receive_all(session)
            found = digest_of(self.part)
            if found != self._sha256 and resumed:
                # The first half may be of another time.
                self.part.unlink()
                self._receive_all(session)
                found = digest_of(self.part)
        if found != self._sha256:
            self.part.unlink()
            raise DigestError(f"{self.url}: expected sha256 {self._sha256}, got {found}; it was not kept")
        return self.part

    def _receive_all(self, session: requests.Session) -> None:
        """Ask until all is there: a break is no fault as long as something more comes each time."""
        tries = 0
        while True:
            before = self._size()
            try:
                self._receive(session, before)
            except BREAKS as error:
                if not self.answered:
                    raise NoAnswerError(f"{host(self.url)}: {reason(error)}") from None
                tries = 0 if self._size() > before else tries + 1
                if tries == TRIES or time.monotonic() > self._end:
                    raise TransferError(f"{self.url}: broke off after {self._size()} bytes: {reason(error)}") from None
                time.sleep(PAUSE_SECONDS * tries)
            else:
                return

    def _receive(self, session: requests.Session, offset: int) -> None:
        headers = {**HEADERS, "Range": f"bytes={offset}-"} if offset else HEADERS
        limits = (ANSWER_SECONDS, ANSWER_SECONDS)
        with session.get(self.url, headers=headers, stream=True, timeout=limits) as response:
            self.answered = True
            if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                self.part.unlink(missing_ok=True)
                raise OSError("the server has less of it than is here")
            if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR and not self._late():
                raise OSError(f"HTTP {response.status_code}")
            if response.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
                raise TransferError(f"{self.url}: HTTP {response.status_code}")
            offset = self._first(response, offset)
            length = response.headers.get("Content-Length", "")
            self.received, self.total = offset, offset + int(length) if length.isdigit() else 0
            with self.part.open("r+b" if offset else "wb") as file:
                file.truncate(offset)
                file.seek(offset)
                for piece in response.raw.stream(PIECE, decode_content=False):
                    if self.abandoned:
                        raise TransferError(self.url)
                    file.write(piece)
                    self.received += len(piece)
                    if self._late():
                        raise OSError(f"not done after {LIMIT_SECONDS:.0f} s")

    def _first(self, response: requests.Response, asked: int) -> int:
        """Where in the file the answer begins: a server may not know ranges."""
        if response.status_code != HTTPStatus.PARTIAL_CONTENT:
            return 0
        found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != asked:
            self.part.unlink(missing_ok=True)
            raise OSError(f"asked for the bytes from {asked} on, got others")
        return asked

    def _late(self) -> bool:
        return time.monotonic() > self._end

    def _size(self) -> int:
        with suppress(OSError):
            return self.part.stat().st_size
        return 0


def reason(error: BaseException) -> str:
    """Why it failed, in a few words: what lies at the bottom of the libraries' wrappings."""
    inner = error
    while True:
        below = getattr(inner, "reason", None) or inner.__cause__ or inner.__context__
        if not isinstance(below, BaseException) and inner.args and isinstance(inner.args[0], BaseException):
            below = inner.args[0]
        if not isinstance(below, BaseException) or below is inner:
            break
        inner = below
    if isinstance(inner, TimeoutError | urllib3.exceptions.TimeoutError):
        return f"no answer within {ANSWER_SECONDS:g} s"
    text = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return str(text).splitlines()[0]

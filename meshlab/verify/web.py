"""HTTP to a service inside the cluster, over whatever connection leads there."""

import http.client
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlencode

from base.errors import MeshlabError

Connect = Callable[[], http.client.HTTPConnection]
Parameters = Mapping[str, str] | Sequence[tuple[str, str]]


class AnswerError(MeshlabError):
    """A service does not answer, or answers something else than its documentation says. One line."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    text: str


class Web:
    """One service; keeps its connection from request to request."""

    def __init__(self, name: str, connect: Connect, headers: Mapping[str, str] | None = None) -> None:
        """`name` is what messages call it; `headers` go with every request."""
        self.name, self._connect, self.headers = name, connect, dict(headers or {})
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, path: str, parameters: Parameters = (), *, form: Parameters | None = None) -> Answer:
        """GET `path`, or POST the form. Raises AnswerError where no answer comes; any status is one."""
        query = urlencode(parameters)
        target = f"{path}?{query}" if query else path
        # A connection that was kept may have been closed meanwhile, which only shows in its use.
        for kept in (True, False) if self._connection and form is None else (False,):
            try:
                return self._send(target, form)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if not kept:
                    raise AnswerError(f"{self.name} does not answer: {error or type(error).__name__}") from None
        raise AssertionError("the last try returns or raises")

    def json(self, path: str, parameters: Parameters = ()) -> Any:
        """The JSON of a GET. Raises AnswerError on any status but 200, and on what is no JSON."""
        answer = self.ask(path, parameters)
        if answer.status != http.client.OK:
            self.fail(path, answer)
        try:
            return json.loads(answer.text)
        except ValueError:
            raise AnswerError(f"{self.name}: GET {path}: expected JSON, got {_beginning(answer.text)}") from None

    def fail(self, path: str, answer: Answer) -> NoReturn:
        """Raise AnswerError for an answer that is not as it should be."""
        raise AnswerError(f"{self.name}: GET {path}: HTTP {answer.status}: {_beginning(answer.text)}")

    def close(self) -> None:
        """End the connection; the next request opens another one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(self, target: str, form: Parameters | None) -> Answer:
        if self._connection is None:
            self._connection = self._connect()
        if form is None:
            self._connection.request("GET", target, headers=self.headers)
        else:
            headers = {**self.headers, "Content-Type": "application/x-www-form-urlencoded"}
            self._connection.request("POST", target, body=urlencode(form), headers=headers)
        response = self._connection.getresponse()
        text = response.read().decode(errors="replace")
        if response.will_close:
            self.close()
        return Answer(response.status, response.headers, text)


def _beginning(text: str) -> str:
    return " ".join(text.split())[:160] or "nothing"

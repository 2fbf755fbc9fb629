"""What who asks a cluster needs beside it: its words, its errors, and what came of a command in a container."""

from dataclasses import dataclass

from .api_objects import AccessError as AccessError
from .api_objects import Manifest as Manifest
from .api_objects import MissingError as MissingError
from .api_objects import RefusedError as RefusedError
from .api_objects import Resource as Resource
from .api_objects import entries as entries
from .api_objects import mapping as mapping


@dataclass(frozen=True)
class Executed:
    """A command that ended in a container."""

    code: int
    stdout: str
    stderr: str

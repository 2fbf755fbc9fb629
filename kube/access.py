"""What checks need of a cluster. The real one is in kube.py; tests have one made of objects."""

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

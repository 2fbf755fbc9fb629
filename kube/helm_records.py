"""Helm's records of its releases: one Secret for each revision."""

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any, cast

from .api_objects import Manifest

RECORD_TYPE = "helm.sh/release.v1"
OWNED = "owner=helm"
"""Selects the records by their labels."""


def record_name(release: str, revision: int) -> str:
    """The name of the Secret of a revision."""
    return f"sh.helm.release.v1.{release}.v{revision}"


def unpacked(secret: Manifest) -> dict[str, Any]:
    """The release in a record: the Secret's base64 around helm's base64 around gzip."""
    content = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    return cast(dict[str, Any], json.loads(gzip.decompress(content)))


def packed(release: Mapping[str, Any]) -> dict[str, str]:
    """The data of the Secret of a release."""
    content = base64.b64encode(gzip.compress(json.dumps(release).encode()))
    return {"release": base64.b64encode(content).decode()}

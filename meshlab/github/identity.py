"""Who a job of a workflow is: GitHub's OpenID Connect token for it, which a cloud takes in place of a stored key."""

import json
import os
from collections.abc import Mapping
from typing import Any, cast
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from base.errors import MeshlabError

URL, TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
"""What a step finds in its environment where its job has `id-token: write`."""
LIMIT_SECONDS = 30.0


def request(audience: str) -> tuple[str, Mapping[str, str]]:
    """The address that answers with a token for `audience`, and the headers it wants. Raises MeshlabError."""
    url, token = os.environ.get(URL), os.environ.get(TOKEN)
    if not url or not token:
        raise MeshlabError(f"{URL}: expected a job with the permission id-token: write, got none")
    return f"{url}&audience={quote(audience, safe='')}", {"Authorization": f"Bearer {token}"}


def identity_token(audience: str) -> str:
    """A token of this moment, good for some minutes. Raises MeshlabError."""
    url, headers = request(audience)
    try:
        with urlopen(Request(url, headers=dict(headers)), timeout=LIMIT_SECONDS) as answer:
            return str(cast(dict[str, Any], json.load(answer))["value"])
    except (URLError, OSError, ValueError, KeyError) as error:
        raise MeshlabError(f"GitHub's identity token: expected one for {audience}, got {error}") from None

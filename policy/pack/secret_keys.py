"""Which settings hold a secret, by what they are called, and which values only say where one is."""

import re
from functools import lru_cache
from typing import Any

from .subjects import mapping
from .walk import MappingEntry

# How the key of a secret ends: adminPassword, client_secret, GF_SECURITY_ADMIN_PASSWORD. What goes on after that is
# something else: passwordKey and tokenFile say where the secret is. `secret` alone is the name of a Secret.
_ENDINGS = frozenset(
    tuple(words.split())
    for words in (
        *("password", "passwd", "passphrase", "pwd", "token", "credential", "credentials", "authorization"),
        *("apikey", "api key", "accesskey", "access key", "secretkey", "secret key", "privatekey", "private key"),
        *("signing key", "encryption key", "account key", "hmac key"),
        *("client secret", "app secret", "shared secret", "cookie secret", "session secret", "signing secret"),
        # Of those who are told of alerts: PagerDuty, Teams, Discord, Mattermost, Slack.
        *("routing key", "service key", "integration key", "webhook url", "slack api url"),
    )
)
_LENGTHS = sorted({len(ending) for ending in _ENDINGS})
# Alertmanager's own, of which other words may be names of Secrets elsewhere.
_EXACT = frozenset({"auth_secret", "smtp_auth_secret", "api_secret", "wechat_api_secret", "user_key"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# All that Grafana, its chart and kube-prometheus-stack make a Secret of; and Slack's address, which lets anybody post.
_SECRET_PLACE = re.compile(
    r"\.(?:secureJsonData|secureSettings|envRenderSecret)\.[^.]+$|\.extraSecret\.(?:data|stringData)\."
    r"|\bslack_configs\[[^]]*\]\.api_url$"
)
# VictorOps' routing key is the name of a route. Its secret is the API key.
_OPEN_PLACE = re.compile(r"\bvictorops_configs\[[^]]*\]\.routing_key$")
_REFERENCE = re.compile(
    r"""\s*(?:(?:Bearer|Basic|Token|GenieKey)\s+)?(?:
    \$[A-Z_][A-Z0-9_]*|\$\{[^{}]+\}|\$\([\w.-]+\)       # a variable
    |\$__\w+\{[^{}]+\}                                  # Grafana: of a file, a variable, a vault
    |\{\{.*\}\}                                         # a template
    |secret:[\w.-]+:[\w.-]+                             # Kiali: name and key of a Secret
    |vault:[^\s\#]+\#[\w.-]+                            # path and key in a vault
    )\s*""",
    re.DOTALL | re.VERBOSE,
)
_NOTHING = frozenset({"", "true", "false", "null", "none"})


def holds_a_secret(place: MappingEntry) -> bool:
    """Whether what stands at a place is to be secret, going by its key and by what it is within."""
    named = place.key
    if named == "value" and isinstance(place.around.get("name"), str):
        # A variable of a container says its name beside its value.
        named = str(place.around["name"])
    if _OPEN_PLACE.search(place.path):
        return False
    return names_a_secret(named) or bool(_SECRET_PLACE.search(place.path))


@lru_cache(maxsize=4096)
def names_a_secret(key: str) -> bool:
    """Whether what stands under `key` is a secret, and not its name, place or age."""
    words = [word.lower() for word in _WORD.findall(key)]
    return key in _EXACT or any(tuple(words[-length:]) in _ENDINGS for length in _LENGTHS)


def is_manifest_of_a_secret(place: MappingEntry) -> bool:
    """Whether a place is the content of a Secret that values bring as a whole manifest."""
    return place.key in ("data", "stringData") and place.around.get("kind") == "Secret" and bool(mapping(place.value))


def is_content(value: Any) -> bool:
    """Whether a value is something itself: not empty, no switch, no reference that is filled in where it is used."""
    if isinstance(value, str):
        return value.strip().lower() not in _NOTHING and not _REFERENCE.fullmatch(value)
    if isinstance(value, list | tuple):
        return any(is_content(entry) for entry in value)  # type: ignore[reportUnknownVariableType]
    return isinstance(value, int) and not isinstance(value, bool)

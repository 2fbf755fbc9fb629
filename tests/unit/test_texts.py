"""Kinds of text in a stack file: what the last accepted and the first refused value of each is."""

from typing import Any

import pytest

from settings import sizes, texts
from settings.sizes import read_amount
from settings.texts import check_text

UID = "74825f05-292d-4822-aca3-da46fb635f91"

ACCEPTED: list[tuple[Any, str]] = [
    (texts.DnsLabel, "a"),
    (texts.DnsLabel, "0-a"),
    (texts.DnsLabel, "a" * 63),
    (texts.ObjectName, "a.b-c.0"),
    (texts.ObjectName, "a." * 126 + "b"),
    (texts.Revision, "r" * 46),
    (texts.StackRelease, "prom"),
    (texts.Version, "1.17.6"),
    (texts.Version, "1.30.0-rc.1"),
    (texts.MinorVersion, "1.34"),
    (texts.Duration, "1h30m"),
    (texts.Duration, "1y2w3d4h5m6s7ms"),
    (texts.Duration, "0h10ms"),
    (texts.Registry, "quay.io"),
    (texts.Registry, "localhost/hub"),
    (texts.Registry, "registry:5000"),
    (texts.Registry, "registry.example:5000/mirror/docker.io"),
    (texts.RegistryHost, "registry.example:5000"),
    (texts.ObjectUid, UID),
    (texts.Digest, f"sha256:{'0a' * 32}"),
    (sizes.Quantity, "2"),
    (sizes.Quantity, "500m"),
    (sizes.Quantity, "0.5"),
    (sizes.Quantity, "00.05Gi"),
]

REFUSED: list[tuple[Any, str]] = [
    (texts.DnsLabel, ""),
    (texts.DnsLabel, "a-"),
    (texts.DnsLabel, "a\n"),
    (texts.DnsLabel, "a" * 64),
    (texts.ObjectName, "a..b"),
    (texts.ObjectName, "a" * 64),
    (texts.ObjectName, "a." * 126 + "bb"),
    (texts.Revision, "r" * 47),
    (texts.Revision, "1.17"),
    (texts.StackRelease, "promo"),
    (texts.Version, "1.17"),
    (texts.Version, "v1.17.6"),
    (texts.Version, "1.17.6\n"),
    (texts.MinorVersion, "1.34.1"),
    (texts.Duration, ""),
    (texts.Duration, "0s"),
    (texts.Duration, "0h0m"),
    (texts.Duration, "30m1h"),
    (texts.Duration, "10 days"),
    (texts.Registry, "hub"),
    (texts.Registry, "hub/docker.io"),
    (texts.Registry, "quay.io/"),
    (texts.Registry, "https://quay.io"),
    (texts.RegistryHost, "docker.io/library"),
    (texts.ObjectUid, UID.upper()),
    (texts.ObjectUid, f"{UID}0"),
    (texts.Digest, f"sha256:{'a' * 63}"),
    (texts.Digest, "a" * 64),
    (sizes.Quantity, "0"),
    (sizes.Quantity, "0.00Gi"),
    (sizes.Quantity, "1e3"),
    (sizes.Quantity, "-1"),
    (sizes.Quantity, ".5"),
]


@pytest.mark.parametrize(("kind", "value"), ACCEPTED, ids=[value[:40] for _, value in ACCEPTED])
def test_a_text_of_the_kind_is_taken_as_it_is(kind: Any, value: str) -> None:
    assert check_text(kind, value) == value


@pytest.mark.parametrize(("kind", "value"), REFUSED, ids=[repr(value)[:40] for _, value in REFUSED])
def test_another_text_is_refused_in_words_of_ours(kind: Any, value: str) -> None:
    with pytest.raises(ValueError, match=r"^expected (an? |the name of )"):
        check_text(kind, value)


@pytest.mark.parametrize(
    ("quantity", "amount"), [("0", 0), ("2", 2), ("500m", 0.5), ("1.5k", 1500), ("1Ki", 1024), ("2Gi", 2 * 1024**3)]
)
def test_a_quantity_is_read_as_its_number(quantity: str, amount: float) -> None:
    assert read_amount(quantity) == amount


@pytest.mark.parametrize("text", ["", "1e3", "half", "1 Gi", "1\n"])
def test_what_is_no_quantity_is_read_as_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="expected a Kubernetes quantity"):
        read_amount(text)

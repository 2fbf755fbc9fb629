"""Which node and images `up`, `preview` and `cluster up` are told to take."""

import argparse
from pathlib import Path

import pytest

from meshlab.session import add_node_options, chosen_node
from meshlab.target import LabError


def chosen(*words: str, cluster: str | None = None) -> tuple[bool, list[Path]]:
    parser = argparse.ArgumentParser()
    add_node_options(parser)
    return chosen_node(parser.parse_args(words, argparse.Namespace(cluster=cluster)))


def test_without_options_every_node_is_simulated() -> None:
    assert chosen() == (False, [])


def test_a_real_node_gets_each_archive_of_the_folder(tmp_path: Path) -> None:
    for name in ("b.tar", "a.tar", "notes.txt"):
        (tmp_path / name).touch()
    assert chosen("--node", "real", "--images", str(tmp_path)) == (True, [tmp_path / "a.tar", tmp_path / "b.tar"])


def test_a_folder_without_archives_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=f"found none in {tmp_path}"):
        chosen("--node", "real", "--images", str(tmp_path))


def test_images_without_a_real_node_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="expected --node real beside it"):
        chosen("--images", str(tmp_path))


def test_a_real_node_on_a_named_cluster_is_refused() -> None:
    with pytest.raises(LabError, match="got --cluster prod; leave one out"):
        chosen("--node", "real", cluster="prod")

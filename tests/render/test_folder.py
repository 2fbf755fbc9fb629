"""The folder of a rendered stack: whole or not at all, and never over somebody's own files."""

from pathlib import Path

import pytest

from base.errors import MeshlabError
from meshlab.render.folder import INDEX, write_folder

ONE = {"part/program/service-web.yaml": {"kind": "Service"}}


def index(files: dict[str, dict[str, str]]) -> dict[str, object]:
    return {"stack": "dev", "objects": [{"file": file} for file in files]}


def write(folder: Path, files: dict[str, dict[str, str]]) -> None:
    write_folder(folder, index(files), files)


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_that_is_not_there_yet_is_made_with_those_above_it(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b", ONE)
    assert listing(tmp_path / "a" / "b") == [INDEX, *ONE]
    assert (tmp_path / "a" / "b" / "part" / "program" / "service-web.yaml").read_text() == "kind: Service\n"


def test_a_folder_that_render_made_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path / "out", ONE)
    write(tmp_path / "out", {"part/program/service-new.yaml": {"kind": "Service"}})
    assert listing(tmp_path / "out") == [INDEX, "part/program/service-new.yaml"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", ONE)
    assert listing(tmp_path / "out") == [INDEX, *ONE]


def test_a_folder_of_somebody_elses_files_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(MeshlabError, match="expected an empty folder or one that render made, got other files"):
        write(tmp_path, ONE)
    assert listing(tmp_path) == ["notes"]


def test_a_stranger_among_rendered_files_is_named_and_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, ONE)
    (out / "part" / "notes").write_text("mine")
    with pytest.raises(MeshlabError, match=r"expected only what render wrote, got also part/notes \(it would be lost"):
        write(out, ONE)
    assert (out / "part" / "notes").read_text() == "mine"


def test_an_index_that_render_did_not_write_does_not_make_a_folder_its_own(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text("objects: []\n")
    with pytest.raises(MeshlabError, match="got other files"):
        write(tmp_path, ONE)


def test_a_file_or_a_link_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name in ("file", "link"):
        with pytest.raises(MeshlabError, match="got a file or a link"):
            write(tmp_path / name, ONE)
    assert list((tmp_path / "real").iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MeshlabError, match=r"out: cannot be written: [A-Z]"):
        write(tmp_path / "file" / "out", ONE)

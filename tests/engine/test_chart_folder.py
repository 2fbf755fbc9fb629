"""A chart in a folder that is packed anew under its version is told by preview and installed by `up`, on the engine."""

import io
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.inventory import objects
from tests.support.lab import Lab, changed, driver

CHART = "kiali-operator-1.59.1.tgz"
MORE = """apiVersion: v1
kind: ConfigMap
metadata:
  name: packed-anew
"""


@pytest.fixture(scope="module")
def lab(dev_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    before, folder = dev_lab.charts, tmp_path_factory.mktemp("charts")
    for file in Path(before).glob("*.tgz"):
        shutil.copy(file, folder)
    dev_lab.charts = str(folder)
    yield dev_lab
    dev_lab.charts = before


def pack_anew(file: Path) -> None:
    """Put one more template into a packed chart."""
    with tarfile.open(file) as archive:
        members = [(member, archive.extractfile(member)) for member in archive.getmembers() if member.isfile()]
        content = [(one.name, source.read()) for one, source in members if source is not None]
    content.append(("kiali-operator/templates/more.yaml", MORE.encode()))
    with tarfile.open(file, "w:gz") as archive:
        for name, data in content:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def test_a_chart_that_is_packed_anew_under_its_version_is_a_change(lab: Lab) -> None:
    driver(lab).up()
    assert not driver(lab).preview(expect_no_changes=True).changed
    pack_anew(Path(lab.charts) / CHART)
    assert changed(driver(lab).preview()) == {"kiali-release"}
    assert changed(driver(lab).up()) == {"kiali-release"}
    assert [
        object_["metadata"]["name"]
        for object_ in objects(lab.cluster, "configmap", "packed-anew", "-n", "kiali-operator")
    ]
    assert not driver(lab).preview(expect_no_changes=True).changed

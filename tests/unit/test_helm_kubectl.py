"""How an object is applied without an engine, by the command lines that kubectl is given and by what it answers."""

from pathlib import Path
from typing import Any

import pytest
from meshlab.helm_kubectl import Cli

from meshlab import helm_kubectl
from meshlab.process import CommandFailedError
from meshlab.recorder import Recorded, Recording

NOTHING_YET = "error: .status.conditions accessor error: <nil> is of the type <nil>, expected []interface{}"
# Keeps the command lines that it is given; `kubectl wait` fails as often as the file `failing` has lines.
KUBECTL = """\
#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >> calls
cat > /dev/null
if [ "$1" = wait ] && [ -s failing ]; then
  head -n 1 failing >&2
  sed -i 1d failing
  exit 1
fi
"""


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(KUBECTL, encoding="utf-8")
    kubectl.chmod(0o755)
    return Cli(tmp_path / "no-helm", kubectl, tmp_path / "kubeconfig")


def calls(folder: Path, verb: str) -> list[str]:
    lines = (folder / "calls").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.split()[0] == verb]


def resource(token: str, **metadata: Any) -> Recorded:
    inputs = {"metadata": {"name": "one", **metadata}}
    return Recorded("urn", f"kubernetes:{token}", "one", "", True, inputs, (), "", {})


CRD = resource("apiextensions.k8s.io/v1:CustomResourceDefinitionPatch")


def test_a_crd_without_conditions_yet_is_waited_for_all_the_same(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helm_kubectl, "PAUSE_SECONDS", 0.0)
    (tmp_path / "failing").write_text(f"{NOTHING_YET}\n" * 3, encoding="utf-8")
    cli.apply(CRD)
    wait = "wait --for=condition=Established --timeout=60s customresourcedefinition/one"
    assert calls(tmp_path, "wait") == [wait] * 4


def test_a_wait_that_fails_for_another_reason_fails_at_once(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "failing").write_text("error: timed out waiting for the condition\n" * 2, encoding="utf-8")
    with pytest.raises(CommandFailedError, match="timed out"):
        cli.apply(CRD)
    assert len(calls(tmp_path, "wait")) == 1


@pytest.mark.parametrize(("annotations", "forced"), [({"pulumi.com/patchForce": "true"}, True), ({}, False)])
def test_fields_of_others_are_taken_over_only_where_the_object_says_so(
    cli: Cli, tmp_path: Path, annotations: dict[str, str], forced: bool
) -> None:
    cli.apply(resource("core/v1:SecretPatch", namespace="prometheus", annotations=annotations))
    (line,) = calls(tmp_path, "apply")
    assert ("--force-conflicts" in line.split()) == forced


def test_the_operators_certificate_says_so(dev: Recording) -> None:
    metadata = dev.named("monitoring-admission-certificate").inputs["metadata"]
    assert metadata["annotations"] == {"pulumi.com/patchForce": "true"}

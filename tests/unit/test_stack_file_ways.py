"""Stack files are read and written in one place, and another tree's as its own program made of them."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pulumi import automation as auto

from base.assets import MANIFESTS, load_manifests
from base.goyaml.text import from_yaml
from meshlab.recording import chartless as recording
from meshlab.recording.recorder import ROOT, ProgramError, stack_config
from meshlab.stackfile.reading import read
from tests.support.packages import PACKAGES, sources

PYTHON = sources(*PACKAGES, "bench", "tools")
LOSING = {"stack_settings", "save_stack_settings", "StackSettings"}
"""What the Automation API has for stack files: it loses what stands below a key."""
WITHOUT_RULES = {
    "settings/injection_policy.py": "a policy and selectors that helm has written, quoted as Go quotes",
    "base/assets.py": "our own manifests, held to the rules below",
    "kube/kubeconfig.py": "kubeconfigs, whose fields have types of their own",
    "settings/operator_crds.py": "versions of charts, which are texts of two points to every reader",
    "meshlab/mirror/pairs.py": "versions of charts, which are texts of two points to every reader",
    "policy/pack/rules/plain_secrets.py": "files of any program inside values, for what looks like a secret",
    "policy/pack/allowed.py": "a list of ours in the pack, which stands by itself",
    "base/goyaml/text.py": "the rules",
    "base/goyaml/tree.py": "the rules",
    "meshlab/charts/lock.py": "a lock that only we write and read",
    "meshlab/verify/envoy_file.py": "a file of Envoy's, which is written in C++",
    "bench/larger.py": "our own manifests",
    "bench/tools/helmfile.py": "what the bench itself writes",
    "bench/tools/releases.py": "what the bench itself writes",
}
"""Who uses PyYAML by itself, and for what."""


def names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.keyword):
            yield str(node.arg)
        elif isinstance(node, ast.alias):
            yield node.name


def test_nothing_goes_by_the_automation_api_s_own_stack_settings() -> None:
    assert PYTHON
    assert {str(path) for path in PYTHON if LOSING & set(names(path))} == set()


def test_the_automation_api_s_own_stack_settings_lose_what_is_below_a_key(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text("config:\n  meshlab:a:\n    b: [1, {c: x}]\n", encoding="utf-8")
    (tmp_path / "Pulumi.yaml").write_text("name: meshlab\nruntime: python\n", encoding="utf-8")
    command = auto.PulumiCommand.__new__(auto.PulumiCommand)
    command.command, command.version = "pulumi", None
    workspace = auto.LocalWorkspace(work_dir=str(tmp_path), pulumi_command=command)
    workspace.save_stack_settings("dev", workspace.stack_settings("dev"))
    # Where this fails, they have learned it, and the rule above may go.
    assert read(file).config != {"meshlab:a": {"b": [1, {"c": "x"}]}}


def test_yaml_is_read_and_written_by_go_s_rules_but_for_what_is_listed() -> None:
    using = {str(path.relative_to(ROOT)) for path in PYTHON if "yaml" in set(names(path))}
    assert using == set(WITHOUT_RULES)


def test_the_program_reads_its_manifests_as_kubernetes_would() -> None:
    # What has no apiVersion is a file of Envoy's, whose text the program passes on.
    files = {path: from_yaml(path.read_text(encoding="utf-8")) for path in MANIFESTS.rglob("*.yaml")}
    manifests = {
        path: objects for path, objects in files.items() if all("apiVersion" in object_ for object_ in objects)
    }
    assert manifests
    for path, objects in manifests.items():
        assert load_manifests(*path.relative_to(MANIFESTS).parts) == objects, path


PROGRAM = """\
import meshlab
import pulumi

pulumi.export("section", pulumi.Config("meshlab").require_object("monitoring"))
pulumi.export("whose", meshlab.WHOSE)
"""


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """Another tree, with a package `meshlab` of its own and a value that we refuse in ours."""
    tree = tmp_path / "tree"
    (tree / "meshlab").mkdir(parents=True)
    (tree / "meshlab" / "__init__.py").write_text('WHOSE = "older"\n', encoding="utf-8")
    (tree / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    (tree / "Pulumi.yaml").write_text("name: meshlab\nruntime: python\n", encoding="utf-8")
    (tree / "Pulumi.dev.yaml").write_text(
        "config:\n  monitoring:\n    values: {a: no, b: 2023-11-05}\n", encoding="utf-8"
    )
    return tree


def test_another_tree_s_file_is_read_by_our_reader_and_not_refused(older: Path, tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=r"line 3: meshlab:monitoring\.values\.a: expected a value that"):
        stack_config("dev", older)
    script = (
        "import sys; sys.path.insert(0, sys.argv[2]); sys.argv[1:2] = []\n"
        f"from runpy import run_path; module = run_path({recording.__file__!r})\n"
        f"from pathlib import Path; recorder = module['load_recorder'](Path({str(ROOT)!r}))\n"
        "import json\n"
        "print(json.dumps(recorder.record('dev', project_dir=Path(sys.argv[1]), strict=False).outputs))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, "-", str(older)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {
        "section": {"values": {"a": "no", "b": "2023-11-05 00:00:00 +0000 UTC"}},
        "whose": "older",
    }
    result = tmp_path / "result.json"
    subprocess.run(
        [sys.executable, "-P", recording.__file__, str(ROOT), str(older), str(result), "x", "dev"],
        env={"PYTHONPATH": str(older)},
        cwd=tmp_path,
        check=True,
    )
    assert json.loads(result.read_text()) == {"dev": {"source": None, "resources": []}}

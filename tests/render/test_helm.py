"""Releases rendered by real helm: what depends on the cluster, what varies, and what cannot be rendered."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from base import process
from base.errors import MeshlabError
from meshlab.charts.choice import Charts
from meshlab.recording.recorder import SECRET, UNKNOWN, Recorded
from meshlab.recording.releases import RELEASE, ReleaseError
from meshlab.render.helm import HelmRenderer, RenderTarget, traits
from meshlab.render.masking import VARIES
from meshlab.render.objects import KubernetesObject
from meshlab.render.stack import RenderedStack, Renderer
from tests.render.conftest import KUBERNETES, MakeChart

COMPONENT = Recorded("urn:part", "lab:index:Part", "part", "", False, {}, (), "", {})
CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: labs.lab.example}
spec:
  group: lab.example
  scope: Cluster
  names: {kind: Lab, plural: labs}
  versions: [{name: v1, served: true, storage: true}, {name: v1alpha1, served: false, storage: false}]
"""


def config_map(name: str, data: str = "a: b", metadata: str = "") -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n{metadata}data:\n  {data}\n"


def release(chart: str, **inputs: Any) -> Recorded:
    known = {"name": chart, "namespace": "lab", "chart": chart, "version": "1.0.0", "values": {}, "skipCrds": True}
    return Recorded(f"urn:{chart}", RELEASE, f"part-{chart}", "urn:part", True, known | inputs, (), "", {})


def rendered(renderer: Renderer, *releases: Recorded) -> RenderedStack:
    return renderer.recorded("dev", [COMPONENT, *releases], None, RenderTarget(KUBERNETES))


def labels(stack: RenderedStack) -> list[str]:
    return [file.label for file in stack.files.values()]


def only(renderer: Renderer, one: Recorded) -> KubernetesObject:
    (found,) = rendered(renderer, one).objects
    return found


def test_values_name_namespace_and_kubernetes_version_reach_the_chart(small: Renderer, make_chart: MakeChart) -> None:
    data = 'a: "{{ .Release.Name }} {{ .Release.Namespace }} {{ .Capabilities.KubeVersion.Version }} {{ .Values.x }}"'
    make_chart("web", {"templates/a.yaml": config_map("web", data)})
    found = only(small, release("web", values={"x": "y"}))
    assert found.manifest["data"] == {"a": "web lab v1.34.4 y"}
    assert (found.component, found.resource, found.release) == ("part", "part-web", "web")


def test_an_object_without_a_namespace_gets_the_releases_unless_cluster_wide(
    small: Renderer, make_chart: MakeChart
) -> None:
    files = {
        "templates/a.yaml": config_map("web"),
        "templates/b.yaml": config_map("far", metadata="  namespace: elsewhere\n"),
        "templates/c.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: own}\n",
        "templates/d.yaml": CRD,
        "templates/e.yaml": "apiVersion: lab.example/v1\nkind: Lab\nmetadata: {name: one}\n",
    }
    make_chart("web", files)
    assert labels(rendered(small, release("web"))) == [
        "ConfigMap elsewhere/far",
        "ConfigMap lab/web",
        "CustomResourceDefinition labs.lab.example",
        "Lab one",
        "Namespace own",
    ]


def test_a_list_stands_for_its_items_and_comments_for_nothing(small: Renderer, make_chart: MakeChart) -> None:
    items = "".join(f"- {{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}\n" for name in "ab")
    make_chart("web", {"templates/a.yaml": f"apiVersion: v1\nkind: List\nitems:\n{items}---\n# nothing\n"})
    assert labels(rendered(small, release("web"))) == ["ConfigMap lab/a", "ConfigMap lab/b"]


@pytest.mark.parametrize(("skip", "there"), [(True, []), (False, ["CustomResourceDefinition labs.lab.example"])])
def test_what_lies_in_a_charts_crds_folder_is_there_unless_the_release_skips_it(
    skip: bool, there: list[str], small: Renderer, make_chart: MakeChart
) -> None:
    make_chart("web", {"crds/lab.yaml": CRD})
    assert labels(rendered(small, release("web", skipCrds=skip))) == there


def test_a_chart_that_asks_for_a_kind_sees_those_that_the_stack_brings(small: Renderer, make_chart: MakeChart) -> None:
    asking = "{{ if .Capabilities.APIVersions.Has %r }}\n" + config_map("there") + "{{ end }}\n"
    make_chart("asks", {"templates/a.yaml": (asking % "lab.example/v1/Lab").replace("'", '"')})
    make_chart("unserved", {"templates/a.yaml": (asking % "lab.example/v1alpha1/Lab").replace("'", '"')})
    assert labels(rendered(small, release("asks"))) == []
    make_chart("kinds", {"templates/a.yaml": CRD})
    found = rendered(small, release("asks"), release("unserved"), release("kinds"))
    assert labels(found) == ["ConfigMap lab/there", "CustomResourceDefinition labs.lab.example"]
    assert found.target.api_versions == ("lab.example/v1", "lab.example/v1/Lab")


def test_a_value_that_is_another_one_each_time_is_masked_and_the_rest_is_not(
    small: Renderer, make_chart: MakeChart
) -> None:
    data = "{a: {{ randAlphaNum 12 | quote }}, b: same, c: {{ now | quote }}}".replace("}}}", "}} }")
    make_chart("web", {"templates/a.yaml": config_map("web").replace("data:\n  a: b", f"data: {data}")})
    assert only(small, release("web")).manifest["data"] == {"a": VARIES, "b": "same", "c": VARIES}


@pytest.mark.parametrize(
    ("action", "varies", "reads_clock"),
    [
        ("{{ randAlphaNum 8 }}", True, False),
        ("{{- $x := genCA `lab` 365 }}", True, False),
        ("{{ (now) | date `2006` }}", True, True),
        ("{{ range keys .Values }}{{ end }}", True, False),
        ("{{ .Values.now }} now {{/* rand */}} {{ .Values.keys }} {{ $values := 1 }}", False, False),
        ("expr: rate(x) > now and randAlphaNum", False, False),
    ],
)
def test_a_chart_with_a_random_template_function_is_rendered_twice(
    action: str, varies: bool, reads_clock: bool, make_chart: MakeChart
) -> None:
    found = traits(make_chart("web", {"templates/a.yaml": f"# {action}\n"}), "{}")
    assert (found.varies, found.reads_clock) == (varies, reads_clock)


def test_a_process_renders_a_release_once_and_a_chart_packed_anew_again(
    helm: Path, make_chart: MakeChart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    run = process.run

    def counted(command: Any, **options: Any) -> process.Completed:
        started.append(command)
        return run(command, **options)

    monkeypatch.setattr(process, "run", counted)

    def data(text: str = "") -> object:
        if text:
            make_chart("web", {"templates/a.yaml": config_map("web", text)})
        started.clear()
        charts = Charts(str(tmp_path / "charts"), print)
        return only(Renderer(charts, HelmRenderer.of_process(helm)), release("web")).manifest["data"]

    assert (data("a: b"), len(started)) == ({"a": "b"}, 1)
    assert (data(), len(started)) == ({"a": "b"}, 0)
    assert (data("a: c"), len(started)) == ({"a": "c"}, 1)
    assert (data("a: {{ randAlphaNum 5 }}"), len(started)) == ({"a": VARIES}, 2)


def test_a_hook_says_when_it_runs(small: Renderer, make_chart: MakeChart) -> None:
    metadata = "  annotations: {helm.sh/hook: 'pre-upgrade,pre-install'}\n"
    make_chart("web", {"templates/a.yaml": config_map("web", metadata=metadata)})
    stack = rendered(small, release("web"))
    assert stack.objects[0].hooks == ("pre-install", "pre-upgrade")
    assert stack.index()["objects"][0]["hook"] == "pre-install, pre-upgrade"


def test_two_kinds_of_one_name_get_a_file_each(small: Renderer, make_chart: MakeChart) -> None:
    both = [f"apiVersion: {group}/v1\nkind: Gateway\nmetadata: {{name: web}}\n" for group in ("a.example", "b.example")]
    make_chart("web", {"templates/a.yaml": "---\n".join(both)})
    assert list(rendered(small, release("web")).files) == [
        "part/web/gateway-lab-web-b.example.yaml",
        "part/web/gateway-lab-web.yaml",
    ]


def test_a_chart_that_fails_is_one_line_with_its_reason(small: Renderer, make_chart: MakeChart) -> None:
    make_chart("web", {"templates/a.yaml": '{{ fail "set the size" }}'})
    with pytest.raises(ReleaseError, match=r"^release web \(web 1\.0\.0\): helm cannot render it: .*set the size") as e:
        rendered(small, release("web"))
    assert "\n" not in str(e.value)


def test_a_chart_that_is_not_in_the_folder_is_named_with_release_and_stack(small: Renderer, tmp_path: Path) -> None:
    with pytest.raises(MeshlabError, match=r"expected web-1\.0\.0\.tgz in .* \(release web of stack dev\)"):
        rendered(small, release("web"))


def test_a_file_that_is_no_chart_is_named(small: Renderer, tmp_path: Path) -> None:
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "web-1.0.0.tgz").write_text("<html>")
    with pytest.raises(ReleaseError, match=r"web-1\.0\.0\.tgz: expected a packed chart, got: "):
        rendered(small, release("web"))


@pytest.mark.parametrize("inputs", [{"version": UNKNOWN}, {"values": SECRET}, {"name": None}, {"namespace": ""}])
def test_a_release_that_cannot_be_rendered_before_up_says_which_field_it_is(
    inputs: Mapping[str, Any], small: Renderer
) -> None:
    with pytest.raises(ReleaseError, match=f"^part-web: expected `{next(iter(inputs))}` of a release to be set"):
        rendered(small, release("web", **inputs))

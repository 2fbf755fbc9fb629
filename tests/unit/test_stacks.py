"""One program for every environment: what differs stands in the stack files, and what each promises holds."""

import ast
from typing import Any

import pytest

from meshlab.promote.pins import ORDER
from meshlab.recording.recorder import ROOT, Recording, record, stack_config
from meshlab.stack import Stack
from meshlab.target import minor_for
from settings.reading import parse_settings
from settings.versions import supports
from tests.support.packages import PROGRAM, sources
from tests.support.stacks import STACKS

PAGE = (ROOT / "docs" / "stacks.md").read_text(encoding="utf-8")
RELEASE = "kubernetes:helm.sh/v3:Release"
MIRROR = "registry.example:5000/mirror"


@pytest.fixture(scope="module")
def prod() -> Recording:
    return record("prod")


@pytest.fixture(scope="module")
def staging() -> Recording:
    return record("staging")


def values(recording: Recording, name: str) -> dict[str, Any]:
    return recording.named(name).inputs["values"]


def serving(stack: str) -> str:
    """The revision that a stack's tag leads to."""
    return str(stack_config(stack)["meshlab:istio"]["tags"]["stable"])


def named_images(value: Any, key: str = "") -> list[str]:
    """Images, hubs and registries that a resource names, wherever in its inputs; not where its chart comes from."""
    if isinstance(value, dict):
        return [
            image for name, entry in value.items() if name != "repositoryOpts" for image in named_images(entry, name)
        ]
    if isinstance(value, list):
        return [image for entry in value for image in named_images(entry, key)]
    return [value] if key in ("image", "image_name", "imageRegistry", "repo", "repository", "hub") and value else []


def test_there_is_a_stack_for_each_environment() -> None:
    assert STACKS == ["dev", "next", "prod", "staging"]


def test_no_code_asks_which_stack_it_is() -> None:
    programs = [ROOT / "__main__.py", *sources(*PROGRAM)]
    assert len(programs) > 15
    asking = []
    for path in programs:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("get_stack", "get_organization"):
                asking.append(f"{path.name}: {ast.unparse(node)}")
            if isinstance(node, ast.Constant) and node.value in STACKS:
                asking.append(f"{path.name}: the name {node.value}")
    # For a name alone: of the stack's file in errors, and of the owner of a namespace.
    assert sorted(asking) == ["namespaces.py: pulumi.get_stack", "reading.py: pulumi.get_stack"]
    loader = next(
        node
        for node in ast.parse((ROOT / "settings" / "reading.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == "load_sections"
    )
    assert not [node for node in ast.walk(loader) if isinstance(node, ast.If | ast.IfExp | ast.Compare | ast.Match)]


def test_the_page_says_which_versions_each_stack_runs() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line.startswith("| ")]
    stacks, _, _, *told = rows[:7]
    table = dict(zip(stacks, zip(*told, strict=True), strict=True))
    assert stacks == ["", "dev", *ORDER]
    for stack in STACKS:
        config = stack_config(stack)
        istio = ", ".join(f"{one['version']} as {name}" for name, one in config["meshlab:istio"]["revisions"].items())
        versions = istio, config["meshlab:monitoring"]["version"], config["meshlab:kiali"]["version"]
        assert table[stack] == (*versions, ", ".join(f"`{tag}`" for tag in config["meshlab:istio"].get("tags", ())))


def test_every_stack_but_the_handbooks_runs_supported_versions_by_a_tag() -> None:
    for stack in ORDER:
        istio = stack_config(stack)["meshlab:istio"]
        kubernetes = minor_for(Stack.load(stack).settings)
        assert all(supports(revision["version"], kubernetes) for revision in istio["revisions"].values())
        assert istio["tags"]["stable"] in istio["revisions"]


def test_prods_control_plane_survives_the_loss_of_a_node(prod: Recording) -> None:
    revision = serving("prod")
    istiod = values(prod, f"istio-istiod-{revision}")
    assert istiod["autoscaleMin"] >= 2
    (term,) = istiod["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert term["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
    assert term["podAffinityTerm"]["labelSelector"]["matchLabels"]["istio.io/rev"] == revision


def test_prods_monitoring_is_there_twice_and_keeps_what_it_knows(prod: Recording) -> None:
    stack = values(prod, "monitoring-stack")
    prometheus, alertmanager = stack["prometheus"]["prometheusSpec"], stack["alertmanager"]["alertmanagerSpec"]
    assert (prometheus["replicas"], alertmanager["replicas"]) == (2, 2)
    assert prometheus["retention"] == "30d"
    for claim in (prometheus["storageSpec"], alertmanager["storage"]):
        assert claim["volumeClaimTemplate"]["spec"]["resources"]["requests"]["storage"].endswith("Gi")
    for part in ("prometheus", "alertmanager"):
        assert stack[part]["podDisruptionBudget"] == {"enabled": True}


@pytest.mark.parametrize("stack", ORDER)
def test_everything_of_ours_has_requests_and_limits(stack: str) -> None:
    recording = record(stack)
    sized = [values(recording, f"istio-istiod-{serving(stack)}"), values(recording, "kiali-release")]
    sized.append(recording.named("kiali-kiali").inputs["spec"]["deployment"])
    monitoring = values(recording, "monitoring-stack")
    sized += [monitoring["prometheus"]["prometheusSpec"], monitoring["alertmanager"]["alertmanagerSpec"]]
    sized += [monitoring["grafana"], monitoring["grafana"]["sidecar"], monitoring["prometheusOperator"]]
    sized += [monitoring["kube-state-metrics"], monitoring["prometheus-node-exporter"]]
    sized.append(monitoring["prometheusOperator"]["prometheusConfigReloader"])
    for deployment in recording.of_type("kubernetes:apps/v1:Deployment"):
        sized += deployment.inputs["spec"]["template"]["spec"]["containers"]
    for part in sized:
        assert {key: set(part["resources"][key]) for key in ("requests", "limits")} == {
            "requests": {"cpu", "memory"},
            "limits": {"cpu", "memory"},
        }


@pytest.mark.parametrize("stack", STACKS)
def test_only_dev_lets_people_in_who_have_not_signed_in_and_they_only_look(stack: str) -> None:
    recording = record(stack)
    anonymous = values(recording, "monitoring-stack")["grafana"]["grafana.ini"]["auth.anonymous"]
    kiali = recording.named("kiali-kiali").inputs["spec"]
    assert anonymous["enabled"] is (stack == "dev")
    assert anonymous["org_role"] == "Viewer"
    assert (kiali["auth"]["strategy"] == "anonymous") is (stack == "dev")
    assert kiali["deployment"]["view_only_mode"] is (stack == "dev")


def test_prod_has_no_demo_and_protects_its_namespaces(prod: Recording, staging: Recording) -> None:
    components = {resource.name for resource in prod.resources if not resource.custom}
    assert components == {"istio", "monitoring", "mesh-monitors", "kiali", "mesh-rollout"}
    namespaces = prod.of_type("kubernetes:core/v1:Namespace")
    assert len(namespaces) == 3
    assert all(namespace.options.get("protect") for namespace in namespaces)
    assert not [resource for resource in staging.resources if resource.options.get("protect")]


def test_a_moved_tag_rolls_some_workloads_at_a_time_and_in_dev_none(
    dev: Recording, prod: Recording, staging: Recording
) -> None:
    name = "mesh-rollout-workloads"
    assert [resource.inputs["atOnce"] for resource in prod.resources if resource.name == name] == [5]
    assert [resource.inputs["atOnce"] for resource in staging.resources if resource.name == name] == [4]
    assert not [resource for resource in dev.resources if resource.name == name]


def test_stagings_workloads_follow_the_tag(staging: Recording) -> None:
    assert staging.named("istio-mesh-default").inputs["metadata"]["labels"] == {"istio.io/rev": "stable"}
    assert staging.named("sample-apps-namespace").inputs["metadata"]["labels"]["istio.io/rev"] == "stable"


@pytest.mark.parametrize("stack", STACKS)
def test_with_a_mirror_no_manifest_of_ours_names_another_registry(stack: str) -> None:
    recording = record(stack, config={"meshlab:cluster": {"imageRegistry": MIRROR}})
    images = [image for resource in recording.resources for image in named_images(resource.inputs)]
    assert len(images) >= 4
    assert [image for image in images if not image.startswith(MIRROR)] == []


def test_an_image_with_a_digest_is_pulled_by_it_from_wherever_images_come(prod: Recording) -> None:
    image, digest = "docker.io/envoyproxy/envoy:v1.40.0", f"sha256:{'0' * 64}"
    for registry, expected in ((None, "docker.io"), (MIRROR, MIRROR)):
        cluster: dict[str, Any] = {"imageDigests": {image: digest}}
        recording = record(
            "dev", config={"meshlab:cluster": cluster | ({"imageRegistry": registry} if registry else {})}
        )
        pods = recording.named("envoy-demo-envoy-deployment").inputs["spec"]["template"]["spec"]
        assert pods["containers"][0]["image"] == f"{expected}/envoyproxy/envoy:v1.40.0@{digest}"


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_file_is_valid_as_it_stands(stack: str) -> None:
    raw = {key.removeprefix("meshlab:"): value for key, value in stack_config(stack).items()}
    parse_settings(raw, project="meshlab", stack=stack)

"""How `up` says that the pages of a stack are reached."""

from pathlib import Path

from embedded.images import recipes
from meshlab.cli.commands.up import BUILT, PAGES, addresses
from meshlab.target import Target

OUTPUTS = {name: f"kubectl port-forward svc/{name}" for name in PAGES}


def told(*, builds_images: bool) -> list[str]:
    target = Target(Path("kubeconfig"), embedded=True, label="test", real_node=True, builds_images=builds_images)
    return addresses(target, OUTPUTS)


def test_each_page_of_the_stack_is_named_with_its_command() -> None:
    assert [line.split(maxsplit=1) for line in told(builds_images=False)] == [[*item] for item in OUTPUTS.items()]


def test_a_page_whose_image_cannot_be_built_has_no_command() -> None:
    lines = told(builds_images=True)
    assert [line.split()[0] for line in lines if "port-forward" in line] == [*BUILT]
    assert [line.split(":")[0].split() for line in lines if "cannot be built" in line] == [
        [name, "simulated"] for name in PAGES if name not in BUILT
    ]
    assert "without its web pages" in lines[1]


def test_the_pages_that_are_built_are_those_with_a_recipe() -> None:
    images = {
        "prometheus": "quay.io/prometheus/prometheus:v2",
        "grafana": "docker.io/grafana/grafana:9",
        "kiali": "quay.io/kiali/kiali:v1",
    }
    assert [name for name in PAGES if recipes.for_name(images[name])] == [*BUILT]

"""Values that break a stack apart are told with the value to blame; what can follow a value follows. Real helm."""

from argparse import Namespace
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from base.merging import merged
from meshlab.cli.commands import render as render_command
from meshlab.consistency.stack import judged
from meshlab.consistency.verdict import Verdict
from meshlab.doctor.objects import objects
from meshlab.doctor.plan import Demands, planned
from meshlab.policy.judgement import judged as judged_by_policy
from meshlab.preflight.finding import Level
from meshlab.recording.recorder import stack_config
from meshlab.render.stack import RenderedStack, Renderer, default_kubernetes
from meshlab.stack import Stack
from tests.support.rendering import TARGET, renderer_of
from tests.support.stacks import STACKS

EITHER = ("dev", "next")
"""Stacks of the oldest and the newest charts."""
REVISION = {stack: next(iter(stack_config(stack)["meshlab:istio"]["revisions"])) for stack in EITHER}


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return renderer_of(STACKS).once


def config_of(stack: str, over: Mapping[str, Any]) -> dict[str, Any]:
    laid = {f"meshlab:{section}": values for section, values in over.items()}
    return merged(stack_config(stack), laid)


def stack_of(stack: str, over: Mapping[str, Any], renderer: Renderer) -> Stack:
    return Stack.load(stack, renderer=renderer).variant(config_of(stack, over))


def rendered(stack: str, over: Mapping[str, Any], renderer: Renderer) -> RenderedStack:
    return stack_of(stack, over, renderer).rendered(TARGET)


def verdict_of(stack: str, over: Mapping[str, Any], renderer: Renderer) -> Verdict:
    return judged(stack_of(stack, over, renderer), TARGET)


def monitoring(**values: Any) -> dict[str, Any]:
    return {"monitoring": {"values": values}}


def istiod(stack: str, values: Mapping[str, Any], **settings: Any) -> dict[str, Any]:
    return {"istio": {"revisions": {REVISION[stack]: {"values": values, **settings}}}}


class Bad(NamedTuple):
    """A value that breaks a stack apart."""

    stack: str
    over: dict[str, Any]
    blamed: str
    said: tuple[str, ...]


def bad(stack: str) -> dict[str, Bad]:
    revision = REVISION[stack]
    istio = f"istio.revisions.{revision}.values"
    spec = "monitoring.values.prometheus.prometheusSpec"
    main = {"matchLabels": {"prometheus": "main"}}
    return {
        "another namespace": Bad(
            stack,
            monitoring(namespaceOverride="observability"),
            "monitoring.values.namespaceOverride",
            ("a Secret observability/prom-", "setting monitoring.namespace"),
        ),
        "another name in names": Bad(
            stack,
            monitoring(nameOverride="kps"),
            "monitoring.values.nameOverride",
            ("a Secret prometheus/prom-kps-admission, got none", "a Service prometheus/prom-kube-prometheus-stack-op"),
        ),
        "another selector": Bad(
            stack,
            monitoring(prometheus={"prometheusSpec": {"serviceMonitorSelector": main}}),
            f"{spec}.serviceMonitorSelector.matchLabels.prometheus",
            ("takes each ServiceMonitor of the stack, got prometheus=main, which leaves out prometheus/",),
        ),
        "another namespace of Istio": Bad(
            stack,
            istiod(stack, {"global": {"istioNamespace": "x"}}),
            f"{istio}.global.istioNamespace",
            ("a ServiceAccount x/istio-reader-service-account, got none", "always in istio-system"),
        ),
        "another revision": Bad(
            stack,
            istiod(stack, {"revision": "other"}),
            f"{istio}.revision",
            (
                f"pods with app=istiod,istio.io/rev={revision} in",
                f"a Service istio-system/istiod-{revision}, got no",
            ),
        ),
        "no Prometheus for Kiali": Bad(
            stack,
            monitoring(prometheus={"enabled": False}),
            "monitoring.values.prometheus.enabled",
            ("Kiali istio-system/kiali: spec.external_services.prometheus.url: expected a Service prometheus/",),
        ),
    }


CASES = {f"{stack}: {name}": case for stack in EITHER for name, case in bad(stack).items()}
# A current Kiali finds the control plane by labels.
CASES["dev: another namespace of Kiali"] = Bad(
    "dev",
    {"kiali": {"spec": {"istio_namespace": "mesh"}}},
    "kiali.spec.istio_namespace",
    ("a Deployment mesh/istiod-1-17, got none",),
)
CASES["next: a tag twice"] = Bad(
    "next",
    istiod("next", {"revisionTags": ["stable"]}),
    f"istio.revisions.{REVISION['next']}.values.revisionTags",
    (f"one that brings it, got the program and istiod-{REVISION['next']}", "istio.tags"),
)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_what_does_not_fit_is_told_with_the_value_to_blame(case: Bad, renderer: Renderer) -> None:
    broken = verdict_of(case.stack, case.over, renderer).broken
    assert {".".join(breach.blamed) for breach in broken} == {case.blamed}
    lines = "\n".join(breach.line for breach in broken)
    assert f"without meshlab:{case.blamed} it fits" in lines
    assert [said for said in case.said if said not in lines] == []


CERT_MANAGER = {"admissionWebhooks": {"certManager": {"enabled": True}}}
FOLLOWED = {
    "names, ports and paths": monitoring(
        fullnameOverride="kps",
        prometheus={"prometheusSpec": {"routePrefix": "/prometheus"}, "service": {"port": 9999}},
        alertmanager={"alertmanagerSpec": {"routePrefix": "/am"}},
        grafana={"fullnameOverride": "prom-boards", "service": {"port": 8080}},
        prometheusOperator=CERT_MANAGER,
    ),
    "the chart's own webhooks": monitoring(
        prometheusOperator={"admissionWebhooks": {"enabled": True}},
        prometheus={"prometheusSpec": {"serviceMonitorSelectorNilUsesHelmValues": False}},
    ),
    "parts that are off": monitoring(
        alertmanager={"enabled": False}, nodeExporter={"enabled": False}, prometheusOperator={"tls": {"enabled": False}}
    ),
    "other parts that are off": monitoring(
        grafana={"enabled": False}, kubeStateMetrics={"enabled": False}, prometheusOperator={"enabled": False}
    ),
}


@pytest.mark.parametrize("over", FOLLOWED.values(), ids=list(FOLLOWED))
@pytest.mark.parametrize("stack", EITHER)
def test_what_hangs_on_a_value_follows_it(stack: str, over: dict[str, Any], renderer: Renderer) -> None:
    verdict = verdict_of(stack, over, renderer)
    assert [breach.line for breach in verdict.broken] == []
    assert verdict.notes == []


@pytest.mark.parametrize("stack", EITHER)
def test_kiali_and_grafana_ask_prometheus_below_its_path(stack: str, renderer: Renderer) -> None:
    whole = rendered(stack, FOLLOWED["names, ports and paths"], renderer)
    address = "http://kps-prometheus.prometheus:9999/prometheus"
    by_kind = {object_.kind: object_.manifest for object_ in whole.objects if object_.kind in ("Kiali", "Prometheus")}
    assert by_kind["Kiali"]["spec"]["external_services"]["prometheus"]["url"] == address
    assert by_kind["Prometheus"]["spec"]["externalUrl"] == address
    (sources,) = (object_.manifest["data"] for object_ in whole.objects if object_.name.endswith("-grafana-datasource"))
    assert f"url: {address}" in "".join(sources.values())


@pytest.mark.parametrize("stack", EITHER)
def test_affinity_of_a_stacks_own_is_not_overruled(stack: str, renderer: Renderer) -> None:
    term = {"labelSelector": {"matchLabels": {"a": "b"}}, "topologyKey": "zone"}
    own = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    over = {"monitoring": {"replicas": 2, "values": {"prometheus": {"prometheusSpec": {"affinity": own}}}}}
    whole = rendered(stack, over, renderer)
    (prometheus,) = (object_ for object_ in whole.objects if object_.kind == "Prometheus")
    assert prometheus.manifest["spec"]["affinity"] == own


def scaled(stack: str, over: Mapping[str, Any], renderer: Renderer) -> tuple[int, int]:
    """The replicas between which istiod is scaled."""
    whole = rendered(stack, over, renderer)
    (scaler,) = (object_.manifest["spec"] for object_ in whole.objects if object_.kind == "HorizontalPodAutoscaler")
    return scaler["minReplicas"], scaler["maxReplicas"]


@pytest.mark.parametrize("stack", EITHER)
def test_istiod_scales_from_the_replicas_that_are_set_up(stack: str, renderer: Renderer) -> None:
    assert scaled(stack, istiod(stack, {}, replicas=3), renderer) == (3, 5)
    assert scaled(stack, istiod(stack, {}, replicas=6), renderer) == (6, 6)
    assert scaled(stack, istiod(stack, {"pilot": {"autoscaleMin": 7}}), renderer) == (7, 7)


def test_values_come_last_in_the_spelling_that_the_chart_documents(renderer: Renderer) -> None:
    assert scaled("next", istiod("next", {"autoscaleMin": 3, "autoscaleMax": 4}), renderer) == (3, 4)
    assert scaled("next", istiod("next", {"autoscaleMin": 3, "pilot": {"autoscaleMax": 4}}), renderer) == (3, 4)
    assert scaled("dev", istiod("dev", {"pilot": {"autoscaleMin": 3, "autoscaleMax": 4}}), renderer) == (3, 4)


def test_a_registry_of_one_image_does_nothing_beside_that_of_all(renderer: Renderer) -> None:
    mirrored = {"cluster": {"imageRegistry": "mirror.test/x"}}
    # Past the settings, which refuse the second.
    said = {"global": {"imageRegistry": "mirror.test/x"}}
    other = {"prometheusOperator": {"image": {"registry": "other.test"}}}
    images = [
        {
            container["image"]
            for object_ in rendered("next", {**mirrored, **monitoring(**values)}, renderer).objects
            if object_.kind == "Deployment" and object_.release == "prom"
            for container in object_.manifest["spec"]["template"]["spec"]["containers"]
        }
        for values in (said, {**said, **other})
    ]
    assert images[0] == images[1]
    assert all(image.startswith("mirror.test/x/") for image in images[0])


@pytest.mark.parametrize("stack", STACKS)
def test_the_labs_own_stacks_fit_together(stack: str, renderer: Renderer) -> None:
    whole = stack_of(stack, {}, renderer)
    assert len(whole.rendered(TARGET).objects) > 100
    assert judged(whole, TARGET) == Verdict()


def test_what_a_value_names_word_for_word_has_to_be_there_already(renderer: Renderer) -> None:
    spec = {
        "secrets": ["etcd-client"],
        "remoteWrite": [
            {"url": "http://mimir.prometheus:9009/api", "basicAuth": {"username": {"name": "m", "key": "u"}}}
        ],
    }
    verdict = verdict_of("next", monitoring(prometheus={"prometheusSpec": spec}), renderer)
    assert verdict.broken == ()
    assert sorted(note.partition(" has to be there already: Prometheus ")[0] for note in verdict.notes) == [
        "a Secret prometheus/etcd-client",
        "a Secret prometheus/m",
        "a Service prometheus/mimir for http://mimir.prometheus:9009/api",
    ]


def test_values_that_render_only_together_are_still_reported(renderer: Renderer) -> None:
    both = {"namespaceOverride": "observability", "prometheus": {"prometheusSpec": {"replicas": 2}}}
    broken = verdict_of("dev", monitoring(**both), renderer).broken
    assert {".".join(breach.blamed) for breach in broken} == {"monitoring.values.namespaceOverride"}


def test_policy_tells_it_as_a_rule_of_its_own(renderer: Renderer) -> None:
    stack = stack_of("dev", monitoring(namespaceOverride="observability"), renderer)
    _, violations = judged_by_policy(stack, TARGET)
    told = [violation for violation in violations if violation.rule == "consistent-whole"]
    assert told
    assert "without meshlab:monitoring.values.namespaceOverride it fits" in told[0].message


def test_render_writes_the_stack_and_fails(
    monkeypatch: pytest.MonkeyPatch, renderer: Renderer, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = stack_of("dev", istiod("dev", {"revision": "other"}), renderer)
    monkeypatch.setattr(render_command, "Stack", SimpleNamespace(load=lambda name, renderer: stack))
    about = {"charts": None, "kube_version": TARGET.kubernetes, "api_versions": []}
    arguments = Namespace(stack="dev", out=tmp_path / "dev", **about)
    assert render_command.run(arguments) == 1
    assert (tmp_path / "dev" / "index.yaml").is_file()
    assert "dev: consistent-whole: ValidatingWebhookConfiguration istiod-default-validator: " in capsys.readouterr().out


def test_a_plan_keeps_what_does_not_fit(monkeypatch: pytest.MonkeyPatch, renderer: Renderer, tmp_path: Any) -> None:
    stack = stack_of("dev", istiod("dev", {"revision": "other"}), renderer)
    first = planned(stack, default_kubernetes(), tmp_path)
    assert first.broken[0][0].startswith("ValidatingWebhookConfiguration istiod-default-validator: ")
    assert "without meshlab:istio.revisions.1-17.values.revision it fits" in first.broken[0][1]
    monkeypatch.setattr("meshlab.stack.run_program", None)
    assert planned(stack.overlaid({}), default_kubernetes(), tmp_path) == first


def test_doctor_has_a_problem_for_each_and_so_up_does_not_begin() -> None:
    plan = Demands(
        (), (), (), (), (("Service x: wrong", "without y it fits"),), ("a Secret z has to be there already",)
    )
    problem, note = objects(Demands.from_json(plan.to_json()))
    assert (note.level, note.text) == (Level.NOTE, "a Secret z has to be there already")
    assert (problem.level, problem.text, problem.fix) == (Level.PROBLEM, "Service x: wrong", "without y it fits")
    assert [object_.level for object_ in objects(Demands((), (), (), ()))] == [Level.OK]

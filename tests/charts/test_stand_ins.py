"""The stand-in charts against facts taken from the real ones, rendered with real helm."""

import base64
import configparser
import gzip
import os
import tarfile
from pathlib import Path

import pytest
import yaml

from meshlab.charts.source import STAND_INS, STAND_INS_FOLDER
from settings.charts import Chart, ChartSource
from settings.operator_crds import Released, crds_of
from tests.charts.rendering import (
    CRDS,
    KIALI,
    STACK,
    VERSIONS,
    Loader,
    all_facts,
    differences,
    package,
    render,
    template,
    text,
)
from tests.support.charts import REAL_CHARTS

NOTHING_RELEASED = Released("0.0.0", {}, {})

ADMIN = {"grafana": {"admin": {"existingSecret": "prom-grafana-admin"}}}
PROMETHEUS = "Prometheus prom-kube-prometheus-stack-prometheus"

of_every_version = pytest.mark.parametrize("version", VERSIONS[STACK])


@pytest.mark.parametrize(
    ("facts", "key"),
    [pytest.param(facts, key, id=f"{facts}-{key}") for facts in all_facts() for key in facts.objects],
)
def test_an_object_is_as_in_the_real_chart(facts, key):
    rendered = _rendered(facts)
    assert key in rendered
    assert list(differences(facts.objects[key], rendered[key])) == []


@pytest.mark.parametrize("facts", all_facts(), ids=str)
def test_the_facts_are_those_of_the_real_chart(facts):
    folder = os.environ.get(REAL_CHARTS)
    if not folder:
        pytest.skip(f"{REAL_CHARTS} names no folder with the real charts")
    how = {"release": facts.release, "namespace": facts.namespace, "crds": False}
    done = template(Path(folder) / Chart(facts.chart, facts.version).file, facts.values, **how)
    assert done.returncode == 0, done.stderr
    real = {
        f"{manifest['kind']} {manifest['metadata']['name']}": manifest
        for manifest in yaml.load_all(done.stdout, Loader)
        if manifest
    }
    assert [key for key in facts.objects if key not in real] == []
    assert [told for key, fact in facts.objects.items() for told in differences(fact, real[key], key)] == []


@pytest.mark.parametrize("facts", [f for f in all_facts() if f.chart in STAND_INS], ids=str)
def test_a_stand_in_has_no_object_that_the_real_chart_lacks(facts):
    assert sorted(_rendered(facts)) == sorted(facts.objects)


_cache = {}


def _rendered(facts):
    if str(facts) not in _cache:
        how = {"release": facts.release, "namespace": facts.namespace, "crds": False}
        _cache[str(facts)] = render(facts.chart, facts.version, facts.values, **how)
    return _cache[str(facts)]


@pytest.mark.parametrize(("stack", "crds"), list(zip(VERSIONS[STACK], VERSIONS[CRDS], strict=True)))
def test_charts_that_helm_packed_say_which_crds_are_their_operators(stack, crds, tmp_path):
    for chart in (package(STACK, stack), *(package(CRDS, version) for version in VERSIONS[CRDS])):
        (tmp_path / chart.name).symlink_to(chart)
    assert crds_of(stack, ChartSource(str(tmp_path)), NOTHING_RELEASED) == crds


@of_every_version
def test_monitors_and_rules_are_selected_by_release_unless_told_otherwise(version):
    by_release = {"matchLabels": {"release": "other"}}
    kinds = ["rule", "serviceMonitor", "podMonitor", "probe"] + (["scrapeConfig"] if version == "88.5.3" else [])
    (spec,) = _prometheus_specs(version, {}, release="other")
    assert {kind: spec[f"{kind}Selector"] for kind in kinds} == dict.fromkeys(kinds, by_release)

    everything = {f"{kind}SelectorNilUsesHelmValues": False for kind in kinds}
    (spec,) = _prometheus_specs(version, everything)
    assert {kind: spec[f"{kind}Selector"] for kind in kinds} == {key: {} for key in kinds}

    own = {"matchLabels": {"team": "mesh"}}
    (spec,) = _prometheus_specs(version, {f"{kind}Selector": own for kind in kinds})
    assert {kind: spec[f"{kind}Selector"] for kind in kinds} == dict.fromkeys(kinds, own)


def _prometheus_specs(version, spec, release="prom"):
    rendered = render(STACK, version, {"prometheus": {"prometheusSpec": spec}}, release=release, crds=False)
    return [manifest["spec"] for manifest in rendered.values() if manifest["kind"] == "Prometheus"]


@of_every_version
def test_any_field_of_the_custom_resource_can_be_set(version):
    (spec,) = _prometheus_specs(version, {"walCompression": False, "remoteWrite": [{"url": "http://elsewhere"}]})
    assert (spec["walCompression"], spec["remoteWrite"]) == (False, [{"url": "http://elsewhere"}])


@of_every_version
def test_storage_is_asked_for_under_the_custom_resources_own_name(version):
    claim = {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "5Gi"}}}}}
    (spec,) = _prometheus_specs(version, {"storageSpec": claim})
    assert spec["storage"] == claim
    assert "storageSpec" not in spec


@of_every_version
def test_a_key_that_the_stand_in_cannot_honour_is_refused(version):
    key = {"prometheus": {"prometheusSpec": {"additionalScrapeConfigs": [{"job_name": "x"}]}}}
    refused = template(package(STACK, version), key)
    assert refused.returncode != 0
    assert (
        "prometheus.prometheusSpec.additionalScrapeConfigs: the stand-in chart does not render this" in refused.stderr
    )


@of_every_version
def test_grafanas_settings_become_its_ini_file(version):
    rendered = render(STACK, version, {"grafana": {"grafana.ini": {"auth.anonymous": {"enabled": True}}}}, crds=False)
    ini = configparser.ConfigParser()
    ini.read_string(rendered["ConfigMap prom-grafana"]["data"]["grafana.ini"])
    assert ini.getboolean("auth.anonymous", "enabled")
    assert ini["paths"]["data"] == "/var/lib/grafana/"  # a default stays beside what is set


@of_every_version
def test_an_existing_secret_keeps_the_password_out_of_the_release(version):
    rendered = render(STACK, version, ADMIN, crds=False)
    assert "Secret prom-grafana" not in rendered
    containers = rendered["Deployment prom-grafana"]["spec"]["template"]["spec"]["containers"]
    sources = [e["valueFrom"]["secretKeyRef"] for c in containers for e in c["env"] if "secretKeyRef" in str(e)]
    assert {source["name"] for source in sources} == {"prom-grafana-admin"}
    assert {source["key"] for source in sources} == {"admin-user", "admin-password"}


@of_every_version
def test_the_webhooks_let_everything_through_where_no_operator_answers(version):
    rendered = render(STACK, version, {}, crds=False)
    hooks = [hook for key in rendered if "WebhookConfiguration" in key for hook in rendered[key]["webhooks"]]
    assert hooks
    assert {hook["failurePolicy"] for hook in hooks} == {"Ignore"}
    patch = rendered["Job prom-kube-prometheus-stack-admission-patch"]["spec"]["template"]["spec"]["containers"][0]
    assert "--patch-failure-policy=Ignore" in patch["args"]


@of_every_version
def test_alertmanagers_configuration_is_the_values(version):
    config = {"route": {"receiver": "me"}, "receivers": [{"name": "me"}]}
    rendered = render(STACK, version, {"alertmanager": {"config": config}}, crds=False)
    secret = rendered["Secret alertmanager-prom-kube-prometheus-stack-alertmanager"]
    assert yaml.safe_load(base64.b64decode(secret["data"]["alertmanager.yaml"]))["receivers"] == [{"name": "me"}]


@pytest.mark.parametrize(
    ("release", "prometheus"),
    [
        ("prom", "prom-kube-prometheus-stack-prometheus"),
        # Over 26 characters the prefix is cut; with the chart's name in it the release is the prefix.
        ("observability", "observability-kube-prometh-prometheus"),
        ("my-kube-prometheus-stack", "my-kube-prometheus-stack-prometheus"),
    ],
)
@of_every_version
def test_names_derive_from_the_release_as_the_real_chart_derives_them(version, release, prometheus):
    names = [key for key in render(STACK, version, {}, release=release, crds=False) if key.startswith("Prometheus ")]
    assert names == [f"Prometheus {prometheus}"]


@pytest.mark.parametrize(("stack", "crds"), list(zip(VERSIONS[STACK], VERSIONS[CRDS], strict=True)))
def test_the_stack_carries_the_very_kinds_of_its_crd_chart(stack, crds):
    bundled = _crds(render(STACK, stack, {}))
    assert bundled == _crds(render(CRDS, crds, {}))
    assert _crds(render(STACK, stack, {"crds": {"enabled": False}})) == {}
    assert _crds(render(STACK, stack, {}, crds=False)) == {}


def _crds(rendered):
    return {key: one["spec"] for key, one in rendered.items() if one["kind"] == "CustomResourceDefinition"}


@pytest.mark.parametrize("version", VERSIONS[CRDS])
def test_the_crds_are_whole_and_go_with_their_release(version):
    for key, crd in render(CRDS, version, {}, crds=False).items():
        for served in crd["spec"]["versions"]:
            properties = served["schema"]["openAPIV3Schema"]["properties"]
            assert properties["spec"].get("properties"), key
        assert "helm.sh/resource-policy" not in crd["metadata"]["annotations"]


@pytest.mark.parametrize("version", VERSIONS[CRDS])
def test_the_crds_release_fits_the_secret_that_helm_keeps_it_in(version):
    # Helm keeps what it rendered and the chart's own files, but not those of subcharts, in one Secret.
    with tarfile.open(package(CRDS, version)) as archive:
        own = [entry for entry in archive if entry.isfile() and f"{CRDS}/charts/" not in entry.name]
        kept = b"".join(archive.extractfile(entry).read() for entry in own) + text(CRDS, version, {}).encode()
    assert len(base64.b64encode(gzip.compress(kept))) < 1024 * 1024


@pytest.mark.parametrize(
    ("version", "values", "kept"),
    [
        ("0.1.0", {"annotations": {"team": "mesh"}}, set()),
        ("31.0.1", {"crds": {"annotations": {"team": "mesh"}}}, {"operator.prometheus.io/version"}),
    ],
)
def test_crds_take_annotations(version, values, kept):
    for crd in render(CRDS, version, values).values():
        assert crd["metadata"]["annotations"]["team"] == "mesh"
        assert kept <= crd["metadata"]["annotations"].keys()


def test_single_crds_can_be_switched_off_where_the_real_chart_has_switches():
    off = {"crds": {"probes": {"enabled": False}}}
    probes = "CustomResourceDefinition probes.monitoring.coreos.com"
    assert probes not in render(CRDS, "31.0.1", off)
    assert probes in render(CRDS, "0.1.0", off)


def test_a_crd_chart_that_was_not_packed_says_how_to():
    unpacked = template(STAND_INS_FOLDER / CRDS, {})
    assert unpacked.returncode != 0
    assert "pack it with meshlab.charts.source.pack_stand_ins" in unpacked.stderr


@pytest.mark.parametrize("version", VERSIONS[KIALI])
def test_kialis_crd_lies_where_skipping_crds_leaves_it_out(version):
    how = {"release": "kiali-operator", "namespace": "kiali-operator"}
    crd = "CustomResourceDefinition kialis.kiali.io"
    assert crd in render(KIALI, version, {}, **how)
    assert crd not in render(KIALI, version, {}, crds=False, **how)


@pytest.mark.parametrize(
    ("version", "deployment"),
    [("1.59.1", {"accessible_namespaces": ["**"]}), ("2.29.0", {"cluster_wide_access": True})],
)
def test_a_kiali_of_the_charts_own_sees_all_namespaces(version, deployment):
    rendered = render(KIALI, version, {"cr": {"create": True}}, release="kiali-operator", namespace="kiali-operator")
    assert rendered["Kiali kiali"]["spec"] == {"deployment": deployment}


@pytest.mark.parametrize("chart", STAND_INS)
def test_a_stand_in_says_that_it_is_one(chart):
    metadata = yaml.safe_load((STAND_INS_FOLDER / chart / "Chart.yaml").read_text(encoding="utf-8"))
    assert metadata["description"].startswith("Stand-in of meshlab's tests")
    assert "stand-in" in (STAND_INS_FOLDER / chart / "templates" / "NOTES.txt").read_text(encoding="utf-8")


@of_every_version
def test_rendering_twice_gives_the_same(version):
    assert text(STACK, version, ADMIN) == text(STACK, version, ADMIN)

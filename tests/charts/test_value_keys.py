"""Every value key that the program or a person is known to use has an effect in the stand-ins."""

import copy
import functools

import pytest

from meshlab.charts.source import STAND_INS
from meshlab.recording.recorder import record
from tests.charts.rendering import CRDS, KIALI, STACK, VERSIONS, text
from tests.support.stacks import STACKS

RELEASE = "kubernetes:helm.sh/v3:Release"
SECRETS, TOLERATIONS = [{"name": "registry"}], [{"operator": "Exists"}]
RESOURCES = {"requests": {"cpu": "123m"}}
CLAIM = {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "5Gi"}}}}}
# Without a password of its own: a generated one would make every rendering differ.
BASE = {STACK: {"grafana": {"admin": {"existingSecret": "given"}}}, KIALI: {}}

# Key and a value that is not its default. Dots part keys, but for grafana.ini.
KEYS = {
    STACK: {
        "fullnameOverride": "other",
        "nameOverride": "other",
        "namespaceOverride": "other",
        "commonLabels": {"team": "mesh"},
        "global.imageRegistry": "registry.example:5000/mirror",
        "global.imagePullSecrets": SECRETS,
        "grafana.tolerations": TOLERATIONS,
        "prometheus.prometheusSpec.tolerations": TOLERATIONS,
        "alertmanager.alertmanagerSpec.tolerations": TOLERATIONS,
        "prometheusOperator.tolerations": TOLERATIONS,
        "kube-state-metrics.imagePullSecrets": SECRETS,
        "kube-state-metrics.tolerations": TOLERATIONS,
        "prometheus-node-exporter.imagePullSecrets": SECRETS,
        "prometheus-node-exporter.tolerations": TOLERATIONS,
        "prometheus.prometheusSpec.image.registry": "mirror.example/quay",
        "alertmanager.alertmanagerSpec.image.registry": "mirror.example/quay",
        "prometheusOperator.image.registry": "mirror.example/quay",
        "prometheusOperator.prometheusConfigReloader.image.registry": "mirror.example/quay",
        "prometheusOperator.thanosImage.registry": "mirror.example/quay",
        "crds.enabled": False,
        "defaultRules.create": False,
        "grafana.enabled": False,
        "grafana.fullnameOverride": "other",
        "grafana.defaultDashboardsEnabled": False,
        "grafana.grafana.ini": {"auth.anonymous": {"enabled": True}},
        "grafana.admin.existingSecret": "other",
        "grafana.admin.userKey": "other",
        "grafana.admin.passwordKey": "other",
        "grafana.replicas": 2,
        "grafana.image.tag": "0.0.1",
        "grafana.resources": RESOURCES,
        "grafana.podAnnotations": {"team": "mesh"},
        "grafana.podLabels": {"team": "mesh"},
        "grafana.persistence.enabled": True,
        "grafana.service.port": 8080,
        "grafana.service.type": "NodePort",
        "grafana.serviceMonitor.enabled": False,
        "grafana.securityContext.runAsUser": 1,
        "grafana.sidecar.resources": RESOURCES,
        "grafana.sidecar.securityContext": {"readOnlyRootFilesystem": True},
        "grafana.sidecar.image.tag": "0.0.1",
        "grafana.sidecar.dashboards.enabled": False,
        "grafana.sidecar.dashboards.label": "other",
        "grafana.sidecar.dashboards.labelValue": "yes",
        "grafana.sidecar.dashboards.searchNamespace": "other",
        "grafana.sidecar.dashboards.folder": "/other",
        "grafana.sidecar.dashboards.folderAnnotation": "folder",
        "grafana.sidecar.dashboards.provider.foldersFromFilesStructure": True,
        "grafana.sidecar.datasources.enabled": False,
        "grafana.sidecar.datasources.defaultDatasourceEnabled": False,
        "grafana.sidecar.datasources.alertmanager.enabled": False,
        "grafana.sidecar.datasources.label": "other",
        "grafana.sidecar.datasources.uid": "other",
        "prometheus.enabled": False,
        "prometheus.podDisruptionBudget.enabled": True,
        "prometheus.service.port": 9999,
        "prometheus.service.type": "NodePort",
        "prometheus.serviceMonitor.selfMonitor": False,
        "prometheus.prometheusSpec.retention": "1d",
        "prometheus.prometheusSpec.retentionSize": "1GB",
        "prometheus.prometheusSpec.replicas": 2,
        "prometheus.prometheusSpec.shards": 2,
        "prometheus.prometheusSpec.scrapeInterval": "5s",
        "prometheus.prometheusSpec.evaluationInterval": "5s",
        "prometheus.prometheusSpec.externalUrl": "http://outside",
        "prometheus.prometheusSpec.routePrefix": "/prometheus",
        "prometheus.prometheusSpec.externalLabels": {"cluster": "lab"},
        "prometheus.prometheusSpec.image.tag": "v0.0.1",
        "prometheus.prometheusSpec.resources": RESOURCES,
        "prometheus.prometheusSpec.storageSpec": CLAIM,
        "prometheus.prometheusSpec.affinity": {"nodeAffinity": {}},
        "prometheus.prometheusSpec.podAntiAffinity": "hard",
        "prometheus.prometheusSpec.ruleSelectorNilUsesHelmValues": False,
        "prometheus.prometheusSpec.serviceMonitorSelectorNilUsesHelmValues": False,
        "prometheus.prometheusSpec.podMonitorSelectorNilUsesHelmValues": False,
        "prometheus.prometheusSpec.ruleNamespaceSelector": {"matchLabels": {"team": "mesh"}},
        "alertmanager.enabled": False,
        "alertmanager.config": {"route": {"receiver": "me"}, "receivers": [{"name": "me"}]},
        "alertmanager.podDisruptionBudget.enabled": True,
        "alertmanager.service.port": 9999,
        "alertmanager.serviceMonitor.selfMonitor": False,
        "alertmanager.alertmanagerSpec.replicas": 3,
        "alertmanager.alertmanagerSpec.retention": "1h",
        "alertmanager.alertmanagerSpec.resources": RESOURCES,
        "alertmanager.alertmanagerSpec.storage": CLAIM,
        "alertmanager.alertmanagerSpec.podAntiAffinity": "hard",
        "alertmanager.alertmanagerSpec.useExistingSecret": True,
        "alertmanager.alertmanagerSpec.externalUrl": "http://outside",
        "alertmanager.alertmanagerSpec.routePrefix": "/alertmanager",
        "prometheusOperator.enabled": False,
        "prometheusOperator.image.tag": "v0.0.1",
        "prometheusOperator.resources": RESOURCES,
        "prometheusOperator.prometheusConfigReloader.resources": RESOURCES,
        "prometheusOperator.tls.enabled": False,
        "prometheusOperator.kubeletService.enabled": False,
        "prometheusOperator.admissionWebhooks.enabled": False,
        "prometheusOperator.admissionWebhooks.certManager.enabled": True,
        "prometheusOperator.admissionWebhooks.timeoutSeconds": 3,
        "prometheusOperator.admissionWebhooks.patch.enabled": False,
        "prometheusOperator.admissionWebhooks.patch.resources": RESOURCES,
        "kubeStateMetrics.enabled": False,
        "kube-state-metrics.resources": RESOURCES,
        "nodeExporter.enabled": False,
        "prometheus-node-exporter.resources": RESOURCES,
        "prometheus-node-exporter.hostNetwork": False,
        "kubernetesServiceMonitors.enabled": False,
        "kubeApiServer.enabled": False,
        "kubelet.enabled": False,
        "coreDns.enabled": False,
        "kubeControllerManager.enabled": False,
        "kubeEtcd.enabled": False,
        "kubeProxy.enabled": False,
        "kubeScheduler.enabled": False,
    },
    KIALI: {
        "fullnameOverride": "other",
        "nameOverride": "other",
        "cr.create": True,
        "image.repo": "example.test/kiali-operator",
        "image.tag": "v0.0.1",
        "image.pullPolicy": "IfNotPresent",
        "image.pullSecrets": ["registry"],
        "replicaCount": 2,
        "resources": RESOURCES,
        "env": [{"name": "ANSIBLE_STDOUT", "value": "yaml"}],
        "podAnnotations": {"team": "mesh"},
        "podLabels": {"team": "mesh"},
        "nodeSelector": {"pool": "mesh"},
        "tolerations": [{"operator": "Exists"}],
        "priorityClassName": "high",
        "securityContext": {"runAsUser": 1},
        "metrics.enabled": False,
        "debug.enabled": False,
        "debug.verbosity": "3",
        "watchNamespace": "istio-system",
        "clusterRoleCreator": False,
        "onlyViewOnlyMode": True,
        "allowAdHocKialiNamespace": False,
        "allowAdHocKialiImage": True,
        "allowAllAccessibleNamespaces": False,
    },
}

# Keys that the real chart does not have yet at that version.
NOT_YET = {
    ("42.2.1", "grafana.sidecar.datasources.alertmanager.enabled"),
    ("42.2.1", "kubernetesServiceMonitors.enabled"),
    ("1.59.1", "podLabels"),
}


def _set(values, path, value):
    changed = copy.deepcopy(values)
    at = changed
    for key in path[:-1]:
        at = at.setdefault(key, {})
    at[path[-1]] = value
    return changed


def _path(key):
    head, ini, _ = key.partition("grafana.ini")
    return [*head.strip(".").split("."), ini] if ini else key.split(".")


@pytest.mark.parametrize(
    ("chart", "version", "key"),
    [
        pytest.param(chart, version, key, id=f"{chart}-{version}-{key}")
        for chart, keys in KEYS.items()
        for version in VERSIONS[chart]
        for key in keys
        if (version, key) not in NOT_YET
    ],
)
def test_a_key_has_an_effect(chart, version, key):
    assert _with(chart, version, key) != _unchanged(chart, version, crds=key.startswith("crds."))


@pytest.mark.parametrize(("version", "key"), sorted(NOT_YET))
def test_a_key_that_the_real_chart_does_not_have_yet_changes_nothing(version, key):
    (chart,) = (chart for chart, versions in VERSIONS.items() if version in versions)
    assert _with(chart, version, key) == _unchanged(chart, version, crds=False)


def _with(chart, version, key):
    changed = _set(BASE[chart], _path(key), KEYS[chart][key])
    return text(chart, version, changed, crds=key.startswith("crds."))


@functools.cache
def _unchanged(chart, version, crds):
    return text(chart, version, BASE[chart], crds=crds)


def _leaves(values, path=()):
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from _leaves(value, (*path, key))
    else:
        yield path, values


def _another(value):
    """A value of the same type: what no key's default can be."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    return {"another": "value"} if isinstance(value, dict) else [*value, "another"]


@pytest.mark.parametrize("stack", STACKS)
def test_every_value_of_the_programs_releases_has_an_effect(stack):
    releases = [resource.inputs for resource in record(stack).of_type(RELEASE) if resource.inputs["chart"] in STAND_INS]
    assert {release["chart"] for release in releases} == set(STAND_INS)
    idle = []
    for release in releases:
        chart, version, values = release["chart"], release["version"], release.get("values") or {}
        how = {"release": release["name"], "namespace": release["namespace"]}
        before: dict[bool, str] = {}
        for path, value in _leaves(values):
            if path:
                # CRDs are most of what helm writes, and few values are theirs.
                crds = chart == CRDS or path[0] == "crds"
                if crds not in before:
                    before[crds] = text(chart, version, values, crds=crds, **how)
                if text(chart, version, _set(values, path, _another(value)), crds=crds, **how) == before[crds]:
                    idle.append(f"{chart} {version}: {'.'.join(path)}")
    assert idle == []

"""Lab 02: Istio by revision: its control planes, their webhooks, and what they know."""

from collections.abc import Callable
from functools import partial

from base.goyaml.text import document
from components import envoy_demo, sample_apps
from kube.api_objects import Manifest, mapping
from kube.objects import CONFIG_MAPS, DEPLOYMENTS, PODS, SERVICES, endpoints, labels_of, listed, name_of
from settings.models import Settings
from settings.names import ISTIO_NAMESPACE, REVISION_LABEL, RevisionNames

from ..results.outcome import Failed, Seen
from . import istiod, lab02_mesh, webhooks
from .check import Check, Context
from .objects import available, fetched
from .workloads import as_declared, components

ALIAS = "istiod"
COMPONENT = "istio"


def checks(settings: Settings) -> list[Check]:
    """The checks of Lab 02 for a stack."""
    istio = settings.istio
    found: list[Check] = []
    for revision, wanted in istio.revisions.items():
        names = RevisionNames(revision)
        found += [
            Check(
                f"lab02.{names.istiod}",
                f"the control plane of revision {revision} runs",
                f"Deployment {names.istiod} of Istio {wanted.version}, at least {wanted.replicas} ready",
                _control_plane(revision),
            ),
            Check(
                f"lab02.{names.istiod}-mesh",
                f"revision {revision} has the lab's mesh configuration",
                "enablePrometheusMerge true, ISTIO_META_DNS_CAPTURE true",
                _mesh_config(revision),
            ),
            Check(
                f"lab02.{names.istiod}-registry",
                f"revision {revision} knows every service, in the mesh or not",
                "a host name in /debug/registryz for each Service of the lab's namespaces",
                _registry(revision),
                limit=60,
            ),
        ]
    return [
        *found,
        Check(
            "lab02.alias",
            "the Service istiod leads to the default revision",
            f"its four ports; only pods of revision {istio.default} behind it",
            _alias,
        ),
        Check(
            "lab02.webhooks",
            "Istio's webhooks lead to a revision that lives",
            "the Service of each webhook has a ready pod of the webhook's revision",
            webhooks.lead_somewhere,
        ),
        Check(
            "lab02.webhooks-trusted",
            "the API server can trust Istio's webhooks",
            "each has the CA of its istiod (caBundle)",
            webhooks.are_trusted,
            limit=60,
        ),
        Check(
            "lab02.declared",
            "the rest of the control plane's objects is there",
            f"what else component {COMPONENT} declares beside its charts, as declared",
            partial(components, names=(COMPONENT,), seen_elsewhere=_seen_elsewhere),
        ),
        *lab02_mesh.checks(settings),
    ]


def _control_plane(revision: str) -> Callable[[Context], Seen]:
    def run(context: Context) -> Seen:
        wanted, name = context.settings.istio.revisions[revision], RevisionNames(revision).istiod
        deployment = fetched(context.cluster, DEPLOYMENTS, name, ISTIO_NAMESPACE)
        if labels_of(deployment).get(REVISION_LABEL) != revision:
            raise Failed(f"{name} has label {REVISION_LABEL}={labels_of(deployment).get(REVISION_LABEL)}")
        image = str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])
        if wanted.version not in image.rpartition(":")[2]:
            raise Failed(f"{name} runs {image}")
        ready = available(context.cluster, deployment)
        if int(deployment["status"]["readyReplicas"]) < wanted.replicas:
            raise Failed(f"{name}: {ready} ready")
        return Seen(f"{ready} ready, {image}")

    return run


def _mesh_config(revision: str) -> Callable[[Context], Seen]:
    def run(context: Context) -> Seen:
        name = RevisionNames(revision).mesh_config_map
        data = mapping(fetched(context.cluster, CONFIG_MAPS, name, ISTIO_NAMESPACE).get("data"))
        mesh = mapping(document(str(data.get("mesh", ""))))
        merge = mesh.get("enablePrometheusMerge")
        capture = mapping(mapping(mesh.get("defaultConfig")).get("proxyMetadata")).get("ISTIO_META_DNS_CAPTURE")
        text = f"enablePrometheusMerge {str(merge).lower()}, ISTIO_META_DNS_CAPTURE {str(capture).lower()}"
        if merge is not True or str(capture).lower() != "true":
            raise Failed(f"ConfigMap {name}: {text}")
        return Seen(text)

    return run


def _registry(revision: str) -> Callable[[Context], Seen]:
    def run(context: Context) -> Seen:
        def look() -> Seen:
            known = istiod.registry(context, revision)
            wanted = {
                f"{name_of(service)}.{namespace}.svc.cluster.local"
                for namespace in lab_namespaces(context.settings)
                for service in listed(context.cluster, SERVICES, namespace)
            }
            missing = sorted(wanted - known)
            if missing:
                raise Failed(f"{len(missing)} of {len(wanted)} are missing: {', '.join(missing)}", tuple(missing))
            return Seen(f"all {len(wanted)} of the lab's, {len(known)} in all", tuple(sorted(known)))

        return context.eventually(look)

    return run


def lab_namespaces(settings: Settings) -> list[str]:
    """The namespaces that the lab has something in."""
    apps = [sample_apps.NAMESPACE] if settings.sample_apps.enabled else []
    ours = [ISTIO_NAMESPACE, settings.monitoring.namespace, settings.kiali.namespace]
    return [*([envoy_demo.NAMESPACE] if settings.envoy_demo.enabled else []), *apps, *ours]


def _seen_elsewhere(manifest: Manifest) -> bool:
    """The alias, and the labels of namespaces in the mesh."""
    meshed = manifest["kind"] == "Namespace" and REVISION_LABEL in labels_of(manifest)
    return meshed or (manifest["kind"] == "Service" and name_of(manifest) == ALIAS)


def _alias(context: Context) -> Seen:
    default = context.settings.istio.default
    live = as_declared(context, context.program.one("Service", ALIAS, ISTIO_NAMESPACE))
    behind = endpoints(context.cluster, ISTIO_NAMESPACE, ALIAS)
    if not behind:
        raise Failed(f"Service {ALIAS} leads to no ready pod")
    for pod, _ in behind:
        revision = labels_of(fetched(context.cluster, PODS, pod, ISTIO_NAMESPACE)).get(REVISION_LABEL)
        if revision != default:
            raise Failed(f"Service {ALIAS} also leads to pod {pod} of revision {revision}")
    ports = ", ".join(f"{port['name']} {port['port']}" for port in live["spec"]["ports"])
    return Seen(f"{ports}; {len(behind)} pods of revision {default}")

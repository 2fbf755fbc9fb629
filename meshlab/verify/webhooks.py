"""Whether Istio's webhooks lead to an istiod that lives, and can be trusted."""

from collections.abc import Iterator
from typing import Any

from kube.api_objects import Manifest, entries
from kube.cluster import Cluster
from kube.objects import INJECTORS, PODS, VALIDATORS, endpoints, is_all_simulated, labels_of, listed, name_of
from settings.names import ISTIO_NAMESPACE, REVISION_LABEL, RevisionNames

from ..results.outcome import Failed, NotApplicable, Seen
from .check import Context
from .objects import fetched

DEFAULT_VALIDATOR = "istiod-default-validator"
APPS = ("sidecar-injector", "istiod")
"""Label `app` of the configurations of Istio's charts."""


def lead_somewhere(context: Context) -> Seen:
    """Each webhook's Service has a ready pod, of the revision that its configuration is labelled with."""
    settings, lines = context.settings.istio, list[str]()
    wanted = {RevisionNames(revision).injector_config_map for revision in settings.revisions} | {DEFAULT_VALIDATOR}
    for configuration in _configurations(context.cluster):
        wanted.discard(name_of(configuration))
        revision = labels_of(configuration).get(REVISION_LABEL, "")
        if revision not in settings.revisions:
            raise Failed(
                f"{name_of(configuration)} is of revision {revision or '(none)'}, which the stack does not have"
            )
        if name_of(configuration) == DEFAULT_VALIDATOR and revision != settings.default:
            raise Failed(f"{DEFAULT_VALIDATOR} is of revision {revision}, the default one is {settings.default}")
        for webhook in _webhooks(configuration):
            lines.append(f"{name_of(configuration)}, {webhook['name']}: {_where(context, configuration, webhook)}")
    if wanted:
        raise Failed(f"not there: {', '.join(sorted(wanted))}")
    return Seen(f"{len(lines)} webhooks, each to a ready pod of its revision", tuple(lines))


def are_trusted(context: Context) -> Seen:
    """Each webhook has a CA, which its istiod puts there once it runs."""

    def look() -> Seen:
        lacking = sorted(
            f"{name_of(configuration)} ({webhook['name']})"
            for configuration in _configurations(context.cluster)
            for webhook in _webhooks(configuration)
            if not webhook["clientConfig"].get("caBundle")
        )
        if lacking:
            raise Failed(f"no caBundle: {', '.join(lacking)}")
        return Seen("all have one")

    if not _configurations(context.cluster):
        raise Failed("Istio has no webhooks")
    try:
        return context.eventually(look)
    except Failed as failed:
        if is_all_simulated(context.cluster):
            raise NotApplicable(f"no istiod really runs that could put it there: {failed}") from None
        raise


def _configurations(cluster: Cluster) -> list[Manifest]:
    found = [*listed(cluster, INJECTORS), *listed(cluster, VALIDATORS)]
    return [item for item in found if labels_of(item).get("app") in APPS]


def _webhooks(configuration: Manifest) -> Iterator[dict[str, Any]]:
    yield from entries(configuration.get("webhooks"))


def _where(context: Context, configuration: Manifest, webhook: dict[str, Any]) -> str:
    service = webhook["clientConfig"].get("service")
    if service is None:
        return f"url {webhook['clientConfig'].get('url')}, outside the cluster"
    name, namespace = str(service["name"]), str(service.get("namespace", ISTIO_NAMESPACE))
    what = f"{name_of(configuration)}, {webhook['name']}"
    pods = [pod for pod, _ in endpoints(context.cluster, namespace, name)]
    if not pods:
        raise Failed(f"{what}: Service {name} (namespace {namespace}) leads to no ready pod")
    wanted = labels_of(configuration)[REVISION_LABEL]
    for pod in pods:
        revision = labels_of(fetched(context.cluster, PODS, pod, namespace)).get(REVISION_LABEL)
        if revision != wanted:
            raise Failed(f"{what}: Service {name} leads to pod {pod} of revision {revision}, not {wanted}")
    return f"{name}, {len(pods)} ready"

"""The Prometheus operator's webhooks and the Secret with their certificate, as the chart would make them by its hooks.

The chart's way are two Jobs and what they may do, at every install and upgrade: a dozen objects one after the other,
for each of which helm writes its record anew, and one more image.
"""

from collections.abc import Mapping
from typing import Any

import pulumi

from base.assets import Manifest, load_manifests
from kube.api_objects import mapping
from settings.names import StackNames

from .objects import encoded
from .webhook_certificate import Certificate


def are_ours(values: Mapping[str, Any]) -> bool:
    """Whether the program brings the webhooks: not where the stack's values want the chart's own, or none can be."""
    operator = mapping(values.get("prometheusOperator"))
    served = operator.get("enabled", True) and mapping(operator.get("tls")).get("enabled", True)
    return bool(served) and not mapping(operator.get("admissionWebhooks")).get("enabled", True)


def certificate_secret(names: StackNames, served: pulumi.Output[Certificate]) -> dict[str, Any]:
    """The Secret that the operator's pod mounts, with the keys that the chart tells it to read."""
    metadata = {
        "name": names.certificate,
        "namespace": names.namespace,
        # Another certificate is no use: the webhooks know this one.
        "annotations": {"pulumi.com/patchForce": "true"},
    }
    certificate = served.apply(lambda one: encoded(one.certificate))
    data = {"ca": certificate, "cert": certificate, "key": served.apply(lambda one: encoded(one.key))}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def webhooks(names: StackNames, served: pulumi.Output[Certificate]) -> list[Manifest]:
    """Both configurations, each webhook with the operator's Service and the certificate to know it by."""
    # The certificate is for everybody to see; only its key is secret.
    bundle = pulumi.Output.unsecret(served.apply(lambda one: encoded(one.certificate)))
    manifests = load_manifests("kube_prometheus_stack", "webhooks.yaml")
    for manifest in manifests:
        manifest["metadata"]["name"] = names.webhooks
        for webhook in manifest["webhooks"]:
            webhook["clientConfig"]["service"] |= {"name": names.operator, "namespace": names.namespace}
            webhook["clientConfig"]["caBundle"] = bundle
    return manifests

"""Lab 01: a standalone Envoy before httpbin, and a client to call both."""

import hashlib
from typing import NotRequired, TypedDict

import pulumi

from base.assets import Manifest, load_manifests, load_text
from settings.models import ClusterSettings, EnvoyDemoSettings

from .istio_control_plane import IstioControlPlane
from .objects import create
from .workload import workload

NAMESPACE = "default"
"""Where the lab has it; the namespace is somebody else's, and only its revision label is touched."""


class EnvoyDemoArgs(TypedDict):
    """What EnvoyDemo needs."""

    settings: EnvoyDemoSettings
    """Which scenario is in force, and what its containers may use."""
    cluster: ClusterSettings
    """Where images come from, and what pods need."""
    istio: NotRequired[IstioControlPlane]
    """The mesh that httpbin and sleep roll into, where the namespace is in it; without it, they stay outside of any."""


class EnvoyDemo(pulumi.ComponentResource):
    """httpbin and sleep, which follow the namespace's revision, and Envoy, which stays outside the mesh."""

    config: pulumi.CustomResource
    """Envoy's configuration, named by its content."""
    workloads: list[pulumi.Resource]
    """The Deployments in the mesh: httpbin and sleep, where the namespace is in it."""

    def __init__(self, name: str, args: EnvoyDemoArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("meshlab:index:EnvoyDemo", name, None, opts)
        istio, cluster, resources = args.get("istio"), args["cluster"], args["settings"].resources
        self.workloads = []
        for file in ("httpbin.yaml", "sleep.yaml"):
            self.workloads += workload(
                self,
                name,
                load_manifests("envoy_demo", file),
                namespace=NAMESPACE,
                istio=istio,
                cluster=cluster,
                resources=resources,
            )

        envoy_yaml = load_text("envoy_demo", "scenarios", f"{args['settings'].scenario}.yaml")
        config_name = f"envoy-{hashlib.sha256(envoy_yaml.encode()).hexdigest()[:10]}"
        # Another content is another name: the Deployment rolls to the new one, and only then the old one goes.
        self.config = create(
            f"{name}-envoy-config",
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": config_name, "namespace": NAMESPACE, "labels": {"app": "envoy"}},
                "data": {"envoy.yaml": envoy_yaml},
            },
            pulumi.ResourceOptions(parent=self),
        )
        envoy = [_mounting(manifest, config_name) for manifest in load_manifests("envoy_demo", "envoy.yaml")]
        workload(
            self,
            name,
            envoy,
            namespace=NAMESPACE,
            istio=None,
            cluster=cluster,
            resources=resources,
            pods_after=[self.config],
        )
        self.register_outputs({"scenario": args["settings"].scenario})


def _mounting(manifest: Manifest, config_map: str) -> Manifest:
    """`manifest`, with the ConfigMap of a Deployment's volume `envoy` replaced by the one that holds the scenario."""
    if manifest["kind"] == "Deployment":
        (volume,) = (v for v in manifest["spec"]["template"]["spec"]["volumes"] if v["name"] == "envoy")
        volume["configMap"]["name"] = config_map
    return manifest

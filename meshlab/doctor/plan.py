"""What a stack would put into the cluster, reduced to what doctor asks about; rendered once and kept while it holds."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from base.files import write_private
from kube.api_objects import entries
from kube.objects import plural
from rollout.mesh_workloads import KINDS, ROLLOUT
from settings.charts import ChartSource

from ..comparison.images import images
from ..consistency.stack import judged
from ..ownership.strangers import NONE, StackNamespaces
from ..recording.recorder import ROOT
from ..render.helm import RenderTarget
from ..render.objects import KubernetesObject, crds
from ..stack import Stack

PROGRAM = (ROOT / "__main__.py", ROOT / "Pulumi.yaml")
GLOBS = (
    *(f"{package}/**/*.py" for package in ("base", "components", "kube", "settings")),
    *("settings/*.yaml", "manifests/**/*.yaml", "dashboards/*.json", "requirements.txt"),
    *("meshlab/consistency/*.py", "policy/allowed/*.yaml"),
)
"""The files that a plan follows from beside those: the program's, and those of what is said of the plan."""
OPERATOR_VERSION = "operator.prometheus.io/version"
FORM = 3
"""Of the files: one of another form is not read."""
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
CRD = "CustomResourceDefinition"
UP_HOOKS = frozenset({"pre-install", "post-install", "pre-upgrade", "post-upgrade"})
VERSIONS_KEPT = 8
"""How many plans stay in the folder, of one stack or several."""


@dataclass(frozen=True, order=True)
class PlannedKind:
    """A kind of object in one namespace."""

    group: str
    resource: str
    namespace: str
    """Empty outside of namespaces."""
    patched: bool = False
    """True where the object is somebody else's, and only fields of it are ours."""


@dataclass(frozen=True)
class PlannedCrd:
    """A CRD that a release brings."""

    name: str
    release: str
    namespace: str
    """Of the release."""
    operator: str = ""
    """The version of the Prometheus operator that it belongs to, where it says so."""


@dataclass(frozen=True, order=True)
class PlannedPods:
    """A workload whose pods the plan brings."""

    kind: str
    namespace: str
    name: str
    replicas: int
    """Of a DaemonSet, one a node."""

    @property
    def identity(self) -> tuple[str, str, str]:
        """Kind, namespace and name."""
        return self.kind, self.namespace, self.name


@dataclass(frozen=True)
class PlannedObject:
    """An object as the API server would get it, secrets masked."""

    label: str
    """How people refer to it."""
    manifest: Mapping[str, Any]

    @property
    def namespace(self) -> str:
        """Its namespace; empty outside of namespaces."""
        return str(self.manifest["metadata"].get("namespace") or "")


@dataclass(frozen=True)
class Demands:
    """What the stack's objects ask of a cluster."""

    kinds: tuple[PlannedKind, ...]
    crds: tuple[PlannedCrd, ...]
    images: tuple[str, ...]
    releases: tuple[tuple[str, str], ...]
    """Namespace and name of each helm release."""
    broken: tuple[tuple[str, str], ...] = ()
    """Where the objects do not fit together: what is wrong, and what to do."""
    given: tuple[str, ...] = ()
    """What the stack does not bring, but its values name: it has to be there already."""
    pods: tuple[PlannedPods, ...] = ()
    host_ports: tuple[tuple[str, str, int], ...] = ()
    """Namespace and name of each workload that takes a port of its nodes, and the port."""
    patches: tuple[Mapping[str, Any], ...] = ()
    """What the program sets of other people's objects, as manifests; no Secret and no CRD."""
    objects: tuple[PlannedObject, ...] = ()
    """All of them but CRDs, which the API server takes seconds to try, and hooks that are not for `up`."""
    owned: StackNamespaces = NONE
    """Namespaces that the stack makes, and those that it adopts."""

    @property
    def namespaces(self) -> frozenset[str]:
        """Where the plan has objects."""
        return frozenset(kind.namespace for kind in self.kinds if kind.namespace)

    @classmethod
    def from_json(cls, text: str) -> "Demands":
        """The plan that `to_json` wrote."""
        data = cast(dict[str, list[Any]], json.loads(text))
        return cls(
            tuple(PlannedKind(**entry) for entry in data["kinds"]),
            tuple(PlannedCrd(**entry) for entry in data["crds"]),
            tuple(data["images"]),
            tuple((entry[0], entry[1]) for entry in data["releases"]),
            tuple((entry[0], entry[1]) for entry in data["broken"]),
            tuple(data["given"]),
            tuple(PlannedPods(**entry) for entry in data["pods"]),
            tuple((entry[0], entry[1], entry[2]) for entry in data["host_ports"]),
            tuple(data["patches"]),
            tuple(PlannedObject(**entry) for entry in data["objects"]),
            StackNamespaces(frozenset(data["made"]), frozenset(data["adopted"])),
        )

    def to_json(self) -> str:
        """The plan as a file has it."""
        fields = asdict(self)
        del fields["owned"]
        made, adopted = sorted(self.owned.made), sorted(self.owned.adopted)
        return json.dumps({**fields, "made": made, "adopted": adopted})


def planned(stack: Stack, kubernetes: str, folder: Path) -> Demands:
    """The plan of a stack for a Kubernetes version, kept in `folder`.

    Raises what recording and rendering raise: each one line for the user.
    """
    file = folder / f"{stack.name}-{_digest(stack, kubernetes)}.json"
    if file.is_file():
        return Demands.from_json(file.read_text(encoding="utf-8"))
    plan = plan_of(stack, kubernetes)
    write_private(file, plan.to_json())
    for old in sorted(folder.glob("*.json"), key=lambda one: one.stat().st_mtime)[:-VERSIONS_KEPT]:
        old.unlink()
    return plan


def plan_of(stack: Stack, kubernetes: str) -> Demands:
    """The plan of a stack for a Kubernetes version. Raises what recording and rendering raise."""
    target, resources = RenderTarget(kubernetes), stack.recording.resources
    rendered = stack.rendered(target, once=True)
    releases = {release.resource: (release.namespace, release.name) for release in rendered.releases}
    plan = reduced(rendered.objects, releases, rolls=any(resource.type == ROLLOUT for resource in resources))
    whole = judged(stack, target, once=True)
    broken = tuple((broken.found, broken.remedy) for broken in whole.broken)
    return replace(plan, broken=broken, given=tuple(whole.notes), owned=StackNamespaces.of(resources))


def reduced(
    objects: Iterable[KubernetesObject], releases: Mapping[str, tuple[str, str]], *, rolls: bool = False
) -> Demands:
    """What rendered objects ask of a cluster; `releases` has namespace and name by resource.

    `rolls`: the workloads of others are restarted too.
    """
    listed = list(objects)
    plurals = {
        (str(crd.manifest["spec"]["group"]), str(crd.manifest["spec"]["names"]["kind"])): str(
            crd.manifest["spec"]["names"]["plural"]
        )
        for crd in crds(listed)
        if "names" in crd.manifest["spec"]
    }
    kinds = {
        PlannedKind(
            object_.group,
            plurals.get((object_.group, object_.kind)) or plural(object_.kind),
            object_.namespace,
            object_.patch,
        )
        for object_ in listed
    }
    # helm keeps its record of each release there.
    kinds |= {PlannedKind("", "secrets", namespace) for namespace, _ in releases.values()}
    if rolls:
        kinds |= {PlannedKind(resource.api.partition("/")[0], resource.plural, "", patched=True) for resource in KINDS}
    brought = [
        PlannedCrd(crd.name, name, namespace, _operator(crd))
        for crd in crds(listed)
        if crd.resource in releases
        for namespace, name in [releases[crd.resource]]
    ]
    found = {image for object_ in listed for _, image in images(object_)}
    workloads = [object_ for object_ in listed if object_.kind in WORKLOADS and not object_.patch and not object_.hooks]
    tried = (
        object_
        for object_ in listed
        if object_.kind != CRD and (not object_.hooks or UP_HOOKS.intersection(object_.hooks))
    )
    return Demands(
        tuple(sorted(kinds)),
        tuple(brought),
        tuple(sorted(found)),
        tuple(sorted(releases.values())),
        pods=tuple(sorted(_pods(workload) for workload in workloads)),
        host_ports=tuple(
            (workload.namespace, workload.name, port) for workload in workloads for port in _host_ports(workload)
        ),
        patches=tuple(object_.manifest for object_ in listed if object_.patch and object_.kind not in ("Secret", CRD)),
        objects=tuple(PlannedObject(object_.label, object_.manifest) for object_ in tried),
    )


def node_ports(pod: Mapping[str, Any]) -> list[int]:
    """The ports of its node that a pod with this spec takes."""
    ports = [port for container in entries(pod.get("containers")) for port in entries(container.get("ports"))]
    taken = [port.get("containerPort") if pod.get("hostNetwork") else port.get("hostPort") for port in ports]
    return [int(port) for port in taken if port]


def _pods(one: KubernetesObject) -> PlannedPods:
    replicas = one.manifest["spec"].get("replicas")
    return PlannedPods(one.kind, one.namespace, one.name, 1 if replicas is None else int(replicas))


def _host_ports(one: KubernetesObject) -> list[int]:
    return node_ports(one.manifest["spec"]["template"]["spec"])


def _operator(crd: KubernetesObject) -> str:
    annotations = cast(Mapping[str, Any], crd.manifest["metadata"].get("annotations") or {})
    return str(annotations.get(OPERATOR_VERSION, ""))


def _digest(stack: Stack, kubernetes: str) -> str:
    """What a plan follows from: the program with its data, the stack's settings, the cluster's version, the charts."""
    settled = [FORM, kubernetes, stack.config]
    digest = hashlib.sha256(json.dumps(settled, sort_keys=True, default=str).encode())
    for file in sorted([*PROGRAM, *(path for glob in GLOBS for path in ROOT.glob(glob))]):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    folder = ChartSource(stack.source).folder
    if folder is not None and folder.is_dir():
        digest.update(repr(sorted(map(_stamp, folder.glob("*.tgz")))).encode())
    return digest.hexdigest()[:20]


def _stamp(file: Path) -> tuple[str, int, int]:
    stat = file.stat()
    return file.name, stat.st_size, stat.st_mtime_ns

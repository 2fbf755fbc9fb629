"""Every image that a stack pulls, and where its mirror has it.

A chart is free to put images wherever it likes, so nothing is computed from names: the stack is rendered with the
mirror and without, and the same field of the same object is the same image.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from base.errors import MeshlabError
from settings.images import Images

from ..comparison.images import images
from ..render.helm import RenderTarget
from ..render.objects import KubernetesObject
from ..render.stack import RenderedStack
from ..stack import Stack

CLUSTER, REGISTRY, REGISTRIES = "meshlab:cluster", "imageRegistry", "imageRegistries"
KIALI, OPERATOR = "quay.io/kiali/kiali", "kiali-operator"


Place = tuple[tuple[str, str, str, str], str]
"""An object's identity, and the field that names the image."""


@dataclass(frozen=True)
class PulledImage:
    """One image of a stack."""

    upstream: str
    """With its registry, as `docker.io/grafana/grafana:9.3.0`."""
    mirror: str
    """The same image in the stack's mirror; empty for a stack without one."""
    users: tuple[str, ...]
    """Labels of the objects that name it, sorted."""


def mirror_of(stack: Stack) -> Images | None:
    """The mirrors that a stack names, if any."""
    cluster = _cluster(stack)
    registry, registries = cluster.get(REGISTRY), cast(Mapping[str, str], cluster.get(REGISTRIES) or {})
    return Images(cast(str | None, registry), registries=registries) if registry or registries else None


def pulled_images(stack: Stack, target: RenderTarget, mirror: Images | None) -> tuple[RenderedStack, list[PulledImage]]:
    """The stack as it is upstream, and its images, sorted; with `mirror`, where that has them.

    Raises MeshlabError, ProgramError, and what `Stack.rendered` raises.
    """
    plain = rendered_with(stack, target, None)
    upstream = dict(named_images(plain.objects))
    mirrored = {} if mirror is None else dict(named_images(rendered_with(stack, target, mirror).objects))
    # With a mirror a chart may leave out what it does not need there, such as a pod of helm's own tests.
    pairs = {place: (with_registry(image), mirrored.get(place, "")) for place, image in upstream.items()}
    pairs |= {place: (with_registry(image), image) for place, image in mirrored.items() if place not in pairs}
    users: dict[tuple[str, str], set[str]] = {}
    for (identity, _), pair in pairs.items():
        if mirror is None or pair[1]:
            users.setdefault(pair, set()).add(_label(identity))
    return plain, [PulledImage(*pair, tuple(sorted(users[pair]))) for pair in sorted(users)]


def rendered_with(stack: Stack, target: RenderTarget, mirror: Images | None) -> RenderedStack:
    """A stack rendered with images from `mirror`, or from upstream."""
    cluster = {key: value for key, value in _cluster(stack).items() if key not in (REGISTRY, REGISTRIES)}
    if mirror is not None and mirror.registry is not None:
        cluster[REGISTRY] = mirror.registry
    if mirror is not None and mirror.registries:
        cluster[REGISTRIES] = dict(mirror.registries)
    return stack.variant({**stack.config, CLUSTER: cluster}).rendered(target)


def named_images(objects: Iterable[KubernetesObject]) -> Iterable[tuple[Place, str]]:
    """Every image that is pulled once the objects are there, by where it is named."""
    there = [
        object_
        for object_ in objects
        if not object_.hooks or any(not hook.startswith("test") for hook in object_.hooks)
    ]
    for brought in there:
        for field, image in images(brought):
            yield (brought.identity, field), image
        if brought.kind == "Kiali":
            yield (brought.identity, ".spec.deployment.image_name"), _kiali(brought, there)


def with_registry(image: str) -> str:
    """An image with its registry, where it left out that it is Docker Hub's."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def _kiali(kiali: KubernetesObject, objects: Iterable[KubernetesObject]) -> str:
    """Kiali's own image. No object names all of it: its operator takes what is left out from its own version."""
    deployment = cast(Mapping[str, Any], kiali.manifest["spec"].get("deployment") or {})
    operators = [object_ for object_ in objects if object_.name == OPERATOR and object_.kind == "Deployment"]
    if not operators:
        raise MeshlabError(f"{kiali.label}: expected a Deployment {OPERATOR} that says which version it is, got none")
    _, operator = next(images(operators[0]))
    version = deployment.get("image_version") or operator.rpartition(":")[2]
    return f"{deployment.get('image_name') or KIALI}:{version}"


def _cluster(stack: Stack) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], stack.config.get(CLUSTER) or {})


def _label(identity: tuple[str, str, str, str]) -> str:
    _, kind, namespace, name = identity
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"

"""Which releases of Istio do not run on the real node: istiod and its agent are built there from a recent version."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from embedded.cluster.istiod import GONE_FROM_TEMPLATES, READ_AS_V1
from kube.api_objects import mapping
from settings.names import RevisionNames

from ..render.objects import KubernetesObject

PROGRAMS = ("pilot", "proxyv2")


def unfit(versions: Mapping[str, str], objects: Iterable[KubernetesObject]) -> dict[str, str]:
    """By version, why it cannot run; `versions` are those of the revisions, `objects` all of the stack."""
    listed = list(objects)
    lacking = [object_.name for object_ in listed if object_.kind == "CustomResourceDefinition" and _lacks_v1(object_)]
    templates = {object_.name: _template(object_) for object_ in listed if object_.kind == "ConfigMap"}
    found: dict[str, str] = {}
    for revision, version in versions.items():
        template = templates.get(RevisionNames(revision).injector_config_map, "")
        gone = [field for field in GONE_FROM_TEMPLATES if field in template]
        if gone:
            found[version] = f"the istiod that is built here lacks {gone[0]} of its sidecar template"
        elif lacking:
            found[version] = f"the istiod that is built here reads v1 of {min(lacking)}, which the chart lacks"
    return found


def is_of(image: str, versions: Iterable[str]) -> bool:
    """Whether an image is istiod's or a sidecar's of one of these versions of Istio."""
    name, _, tag = image.partition("@")[0].rpartition(":")
    return name.rpartition("/")[2] in PROGRAMS and any(tag.split("-")[0] == version for version in versions)


def _lacks_v1(crd: KubernetesObject) -> bool:
    spec = cast(Any, crd.manifest)["spec"]
    if spec["names"]["plural"] not in READ_AS_V1.get(spec["group"], ()):
        return False
    return not any(version["name"] == "v1" and version["served"] for version in spec["versions"])


def _template(config_map: KubernetesObject) -> str:
    return str(mapping(config_map.manifest.get("data")).get("config", ""))

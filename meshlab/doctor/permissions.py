"""Whether the user may do to every kind of the plan what `up` and `down` do to it."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from kube.api_objects import AccessError, Resource
from kube.cluster import Cluster
from kube.discovery import WORKERS

from ..preflight.finding import Finding, Level
from .plan import Demands, PlannedKind

VERBS = ("get", "create", "patch", "delete")
PATCH_VERBS = ("get", "patch")
SHOWN = 8
RBAC = "rbac.authorization.k8s.io"
WHO = Resource("authentication.k8s.io/v1", "selfsubjectreviews", "SelfSubjectReview")
WHETHER = Resource("authorization.k8s.io/v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview")

Attributes = Mapping[str, str]


def permissions(cluster: Cluster, plan: Demands) -> Iterator[Finding]:
    """One question for everything first: whoever may do all needs no more of them."""
    if _allowed(cluster, [{"group": "*", "resource": "*", "verb": "*"}])[0]:
        yield Finding("rights", Level.OK, f"everything ({len(plan.kinds)} kinds and places in the plan)")
        return
    asked = [attributes for kind in plan.kinds for attributes in _needs(kind)]
    refused = [one for one, allowed in zip(asked, _allowed(cluster, asked), strict=True) if not allowed]
    if refused:
        lines = _grouped(refused)
        more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        who = user(cluster)
        lab = f"kubectl create clusterrolebinding meshlab --clusterrole cluster-admin --user '{who}'"
        text = "\n".join([f"{who} may not", *lines[:SHOWN], *more])
        yield Finding("rights", Level.PROBLEM, text, f"ask for these rights; for a lab: {lab}")
    else:
        yield Finding("rights", Level.OK, f"all {len(asked)} that the plan needs")
    roles = any(kind.group == RBAC for kind in plan.kinds)
    if roles and not all(_allowed(cluster, [{"group": RBAC, "resource": "clusterroles", "verb": "escalate"}])):
        yield Finding(
            "rights",
            Level.WARNING,
            "the charts' cluster roles can only be created with rights that you hold yourself (no `escalate`)",
            "hold what they hold, or the verb escalate on clusterroles",
        )


def user(cluster: Cluster) -> str:
    """Who the API server takes us for; before Kubernetes 1.28 it does not say."""
    try:
        review = cluster.create(WHO, {"apiVersion": WHO.api, "kind": WHO.kind})
    except AccessError:
        return "this user"
    return str(review["status"]["userInfo"]["username"])


def _needs(kind: PlannedKind) -> Iterator[dict[str, str]]:
    for verb in PATCH_VERBS if kind.patched else VERBS:
        attributes = {"group": kind.group, "resource": kind.resource, "verb": verb, "namespace": kind.namespace}
        yield {key: value for key, value in attributes.items() if value}


def _allowed(cluster: Cluster, questions: list[dict[str, str]]) -> list[bool]:
    def allowed(attributes: dict[str, str]) -> bool:
        spec = {"resourceAttributes": attributes}
        review = cluster.create(WHETHER, {"apiVersion": WHETHER.api, "kind": WHETHER.kind, "spec": spec})
        return bool(review["status"].get("allowed"))

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(allowed, questions))


def _grouped(refused: list[dict[str, str]]) -> list[str]:
    """Refusals as lines: the verbs of each kind, and the places."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for access in refused:
        resource = f"{access['resource']}.{access['group']}" if access.get("group") else access["resource"]
        verbs.setdefault((resource, access.get("namespace", "")), []).append(access["verb"])
    places: dict[tuple[str, str], list[str]] = {}
    for (resource, namespace), list_ in verbs.items():
        places.setdefault((", ".join(list_), resource), []).append(namespace)
    return [
        f"{which} {resource} " + (f"in {', '.join(sorted(where))}" if all(where) else "in the whole cluster")
        for (which, resource), where in sorted(places.items(), key=lambda item: item[0][1])
    ]

"""One way to declare a Helm release, so that every one of them is pinned, awaited and keeps its hands off CRDs."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from .charts import ChartRef


def release(
    name: str,
    *,
    release_name: str,
    namespace: str,
    chart: ChartRef,
    values: Mapping[str, Any],
    timeout_seconds: int,
    opts: pulumi.ResourceOptions,
) -> k8s.helm.v3.Release:
    """Register a Helm release under the logical name `name`.

    Every input must be known at preview: one unknown value, and preview cannot tell which kinds the chart brings.
    CRDs are skipped everywhere, since helm installs what lies in a chart's crds/ once and never upgrades it.
    """
    repository = chart.get("repositoryOpts")
    return k8s.helm.v3.Release(
        name,
        name=release_name,
        namespace=namespace,
        chart=chart["chart"],
        version=chart["version"],
        repository_opts=k8s.helm.v3.RepositoryOptsArgs(repo=repository["repo"]) if repository else None,
        values=values,
        timeout=timeout_seconds,
        skip_crds=True,
        opts=opts,
    )

"""One way to declare a Helm release, so that every one of them is pinned, awaited and keeps its hands off CRDs."""

from collections.abc import Mapping
from typing import Any

import pulumi

from settings.charts import ChartRef


def release(
    name: str,
    *,
    release_name: str,
    namespace: str,
    chart: ChartRef,
    values: Mapping[str, Any],
    timeout_seconds: int,
    opts: pulumi.ResourceOptions,
) -> pulumi.CustomResource:
    """Register a Helm release under the logical name `name`.

    Every input must be known at preview: one unknown value, and preview cannot tell which kinds the chart brings.
    CRDs are skipped everywhere, since helm installs what lies in a chart's crds/ once and never upgrades it.
    """
    return pulumi.CustomResource(
        "kubernetes:helm.sh/v3:Release",
        name,
        {
            **chart,
            "name": release_name,
            "namespace": namespace,
            "values": values,
            "timeout": timeout_seconds,
            "skipCrds": True,
            # The provider tells releases of this shape by it.
            "compat": "true",
        },
        opts,
    )

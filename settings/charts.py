"""Where charts come from: their upstream repositories, a mirror, or a folder of packed charts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NotRequired, TypedDict

from base.files import sha256

UPSTREAM: Mapping[str, str] = MappingProxyType(
    {
        "base": "https://blob.istio.io/istio-release/charts",
        "istiod": "https://blob.istio.io/istio-release/charts",
        "kube-prometheus-stack": "https://prometheus-community.github.io/helm-charts",
        "prometheus-operator-crds": "https://prometheus-community.github.io/helm-charts",
        "kiali-operator": "https://kiali.org/helm-charts",
    }
)


class RepositoryOpts(TypedDict):
    """The repository that helm looks a chart up in."""

    repo: str


class ChartRef(TypedDict):
    """The fields of a helm Release that say which chart it installs."""

    chart: str
    version: str
    repositoryOpts: NotRequired[RepositoryOpts]
    description: NotRequired[str]
    """Of a release's revision, as `helm history` shows it."""


@dataclass(frozen=True)
class ChartSource:
    """One place that every chart of the program comes from.

    `source` is None for the upstream repositories, `oci://...` or `http(s)://...` for a mirror, or else the path of a
    folder of `<name>-<version>.tgz`.
    """

    source: str | None = None

    @property
    def folder(self) -> Path | None:
        """The folder of packed charts, or None where charts come over the network."""
        if self.source is None or "://" in self.source:
            return None
        return Path(self.source).expanduser()

    def ref(self, chart: str, version: str) -> ChartRef:
        """Say how a Release refers to `chart` at exactly `version`."""
        if self.folder is not None:
            file = self.folder.resolve() / package_name(chart, version)
            # The provider compares a chart's path and version. Of a published version that is enough; a file can be
            # packed anew, and no preview would tell.
            return {"chart": str(file), "version": version, "description": f"{file.name} sha256:{sha256(file)}"}
        if self.source is not None and self.source.startswith("oci://"):
            return {"chart": f"{self.source.rstrip('/')}/{chart}", "version": version}
        return {"chart": chart, "version": version, "repositoryOpts": {"repo": self.source or UPSTREAM[chart]}}


def package_name(chart: str, version: str) -> str:
    """The file name that `helm package` gives a chart."""
    return f"{chart}-{version}.tgz"

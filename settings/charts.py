"""Where charts come from: their upstream repositories, a mirror, or a folder of packed charts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import NamedTuple, NotRequired, TypedDict

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


PACKED = ".tgz"
"""How the file of a packed chart ends."""


class Chart(NamedTuple):
    """One version of a chart."""

    name: str
    version: str

    @property
    def file(self) -> str:
        """The file name that `helm package` gives it."""
        return f"{self.name}-{self.version}{PACKED}"

    @classmethod
    def of_reference(cls, reference: str, version: str) -> "Chart":
        """The chart that a Release names with `ChartSource.ref`: by its name, an address, or the path of its file."""
        return cls(PurePosixPath(reference).name.removesuffix(PACKED).removesuffix(f"-{version}"), version)

    @classmethod
    def packed_in(cls, folder: Path, name: str) -> "list[Chart]":
        """Every version of a chart that a folder has a file of."""
        files = folder.glob(cls(name, "*").file)
        return [cls(name, file.name.removesuffix(PACKED).removeprefix(f"{name}-")) for file in files]


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
            file = self.folder.resolve() / Chart(chart, version).file
            # The provider compares a chart's path and version. Of a published version that is enough; a file can be
            # packed anew, and no preview would tell.
            return {"chart": str(file), "version": version, "description": f"{file.name} sha256:{sha256(file)}"}
        if self.source is not None and self.source.startswith("oci://"):
            return {"chart": f"{self.source.rstrip('/')}/{chart}", "version": version}
        return {"chart": chart, "version": version, "repositoryOpts": {"repo": self.source or UPSTREAM[chart]}}

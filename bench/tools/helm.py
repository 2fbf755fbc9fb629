"""helm by hand: `helm upgrade --install --wait` for each release, one after the other or side by side."""

import shlex
from abc import abstractmethod
from collections.abc import Callable

from base import process
from base.errors import MeshlabError
from embedded.cluster.embedded import CLUSTER_TOOLS
from embedded.tools import toolchain
from settings.names import STACK_CHART

from ..field import Field
from .releases import ReleaseFile, namespaces, releases
from .tool import MeasuredTool, Script, ToolAbsentError

WAIT = ("--wait", "--timeout", "15m")
Command = Callable[[ReleaseFile], str]


def ensure_helm() -> dict[str, str]:
    """helm's version, with kubectl beside it for the namespaces. Raises ToolAbsentError."""
    try:
        helm = toolchain.ensure(["helm", *CLUSTER_TOOLS])["helm"]
    except MeshlabError as error:
        raise ToolAbsentError(str(error)) from None
    said = process.run([helm, "version", "--short"], timeout=60).stdout.strip()
    return {"helm": said.removeprefix("v").partition("+")[0]}


class HelmTool(MeasuredTool):
    """What both ways share: all but the order."""

    @classmethod
    def ensure(cls) -> dict[str, str]:
        return ensure_helm()

    def __init__(self, field: Field) -> None:
        self._field = field
        tools = toolchain.ensure(["helm", "kubectl"])
        self._helm, self._kubectl = str(tools["helm"]), str(tools["kubectl"])
        # Nothing of the caller's own helm: neither its plugins nor its repositories.
        self._env = {
            "KUBECONFIG": str(field.cluster.kubeconfig),
            **{f"HELM_{kind}_HOME": str(field.folder / "helm" / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")},
        }

    def script(self, phase: str) -> Script:
        wanted = releases(self._field, phase)
        if phase == "up":
            lines = [self._namespaces("create", wanted), *self.order(wanted, self._install)]
        elif phase == "no-op":
            lines = self.order(wanted, lambda one: f"{self._install(one)} --dry-run=server")
        elif phase == "change":
            # Whoever does this by hand knows which release the value belongs to.
            lines = [self._install(file) for file in wanted if STACK_CHART in file.chart]
        elif phase == "upgrade":
            lines = self.order(wanted, self._install)
        else:
            lines = [*self.order(wanted[::-1], self._uninstall), self._namespaces("delete", wanted)]
        return Script(lines, env=self._env)

    @abstractmethod
    def order(self, wanted: list[ReleaseFile], command: Command) -> list[str]:
        """The command of each release in this tool's order, as shell."""

    def _install(self, one: ReleaseFile) -> str:
        crds = ["--skip-crds"] if one.crds_as_templates else []
        where = ["--namespace", one.namespace, "--values", str(one.values)]
        return shlex.join([self._helm, "upgrade", "--install", one.name, one.chart, *where, *crds, *WAIT])

    def _uninstall(self, one: ReleaseFile) -> str:
        return shlex.join([self._helm, "uninstall", one.name, "--namespace", one.namespace, *WAIT])

    def _namespaces(self, verb: str, wanted: list[ReleaseFile]) -> str:
        if verb == "delete":
            return shlex.join([self._kubectl, "delete", "namespace", *namespaces(wanted)])
        return " && ".join(shlex.join([self._kubectl, verb, "namespace", name]) for name in namespaces(wanted))


class HelmInARow(HelmTool):
    """As a handbook has it."""

    name, label = "helm-in-a-row", "helm in a row"
    note = (
        "`helm upgrade --install --wait` for one release after the other, with the values of this program. No-op: "
        "the same with `--dry-run=server`, which renders and does not report differences. Change: the affected "
        "release only."
    )

    def order(self, wanted: list[ReleaseFile], command: Command) -> list[str]:
        return [command(file) for file in wanted]


class HelmSideBySide(HelmTool):
    """As somebody writes it who knows what needs what."""

    name, label = "helm-side-by-side", "helm side by side"
    note = "The same, with all releases at once. Only istiod waits for base, and base for istiod on removal."

    def order(self, wanted: list[ReleaseFile], command: Command) -> list[str]:
        return side_by_side(wanted, command)


def side_by_side(wanted: list[ReleaseFile], command: Command) -> list[str]:
    """Shell that does everything at once that can be: one line, which fails where any of it does.

    What a release needs is done before it where it stands before it in `wanted`, as on installation, else after it.
    """
    chains = [
        " && ".join(_together([command(file) for file in stage]) for stage in _stages(wanted, root))
        for root in wanted
        if not root.needs
    ]
    return [_together([f"({chain})" for chain in chains])]


def _stages(wanted: list[ReleaseFile], root: ReleaseFile) -> list[list[ReleaseFile]]:
    """A release that needs nothing, and those that need it, in the order of `wanted`."""
    waiting = [file for file in wanted if root.name in file.needs]
    if not waiting:
        return [[root]]
    return [[root], waiting] if wanted.index(root) < wanted.index(waiting[0]) else [waiting, [root]]


def _together(commands: list[str]) -> str:
    if len(commands) == 1:
        return commands[0]
    started = "; ".join(f"{{ {command}; }} & p{number}=$!" for number, command in enumerate(commands))
    return f"{{ {started}; {' && '.join(f'wait $p{number}' for number in range(len(commands)))}; }}"

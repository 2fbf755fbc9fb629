"""One stack on one cluster, ready to be looked at and put back: what the command and the tests share."""

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from base.say import Say
from embedded.tools import toolchain
from kube.cluster import Cluster
from kube.discovery import Kinds

from ..engine.driver import EngineDriver
from ..ownership.strangers import refuse_strange_namespaces, refuse_strange_releases
from ..recording.recorder import Generated
from ..render.helm import RenderTarget
from ..render.masking import GENERATED
from ..stack import Stack
from .expected import Expected, expected
from .helm import ReleaseReader
from .look import DriftResult, look
from .packages import refuse_other_charts
from .remediation import Approve, Remediator


class Inspection:
    """What a stack stands for, and the cluster that should have it."""

    def __init__(self, driver: EngineDriver, stack: Stack, kubeconfig: Path, say: Say) -> None:
        """Record and render the stack for this cluster. Raises what that raises, and AccessError."""
        self._driver, self._stack, self._kubeconfig, self._say = driver, stack, kubeconfig, say
        self.cluster = Cluster(kubeconfig)
        with ThreadPoolExecutor() as pool:
            # The engine takes its time to tell.
            passwords = pool.submit(_passwords, driver)
            version, kinds = pool.submit(self.cluster.version), pool.submit(self.cluster.kinds)
            self.kinds: Kinds = kinds.result()
            target = RenderTarget(version.result().removeprefix("v"), self.kinds.versions)
            self.expected: Expected = expected(stack, target, passwords.result())

    def look(self) -> DriftResult:
        """Compare the cluster with the stack. Raises AccessError."""
        return look(self.cluster, self.kinds, self.expected)

    def remediate(self, seen: DriftResult, approve: Approve) -> DriftResult:
        """Put back what was `seen` and look again; see `Remediator.remediate`.

        Raises MeshlabError where it is another stack's, or of another state: to that, all of it is as it should be;
        LabError where the charts at hand are not those that are installed.
        """
        refuse_strange_namespaces(self.cluster, self._driver, self._stack.name)
        ours = {(release.namespace, release.name) for release in self.expected.releases}
        refuse_strange_releases(self._driver, self._stack.name, ours & seen.records.keys())
        deployment = self._driver.stack.export_stack().deployment or {}
        refuse_other_charts(cast(Mapping[str, Any], deployment), self.expected.resources, self._driver.options)
        helm = ReleaseReader(toolchain.ensure(["helm"], self._say)["helm"], self._kubeconfig)
        return Remediator(self.cluster, self.kinds, self.expected, self._driver, helm).remediate(
            seen, self._say, approve
        )


def _passwords(driver: EngineDriver) -> Generated:
    """The passwords that the stack generated; None where no state has any."""
    known = driver.passwords()
    # One that a change of the program is yet to generate hangs together with nothing that is there.
    return defaultdict(lambda: GENERATED, known) if known else None

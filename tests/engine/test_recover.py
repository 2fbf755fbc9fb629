"""Runs that are interrupted, on the real engine and a real API server. Each test brings the stack where it begins."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded.cluster import EmbeddedCluster
from embedded.tools import toolchain
from embedded.tools.toolchain import ToolsMissingError
from meshlab.cli.commands.recover import RecoverOptions, recover
from meshlab.engine.driver import EngineDriver
from meshlab.engine.interruption import WAITING
from meshlab.engine.locks import Lock, locks_of
from meshlab.engine.programs import find_engine
from meshlab.engine.state import ReleaseKey
from meshlab.recording.recorder import Recording
from meshlab.recover.helm import HelmRepair
from meshlab.target import LabError, Target
from tests.support.charts import chart_folder
from tests.support.interruption import Progress, Wire, command_of, descendants, filled, kill_engine, up_with
from tests.support.inventory import declared, inventory, objects
from tests.support.lab import Lab, changed, state_file

pytestmark = pytest.mark.timeout(1800)

# No injector runs here, so no pods may wait for one; a namespace without pods shows what becomes of the label.
MESHED = "team"
HERE: dict[str, Any] = {"mesh": {"namespaces": {MESHED: "1-17"}}}
UPGRADED: dict[str, Any] = {
    "istio": {
        "revisions": {"1-17": {"version": "1.17.6"}, "1-30": {"version": "1.30.3"}},
        "defaultRevision": "1-30",
    },
    "monitoring": {"version": "88.5.3"},
    "kiali": {"version": "2.29.0", "awaitReady": False},
    "mesh": {"namespaces": {MESHED: "1-30"}},
}
# Istio gave its in-cluster operator up between the two versions, and its chart takes the CRD away.
GONE_BY_THEN = ("istiooperators.install.istio.io",)
FIRST_KILLS, UPGRADE_KILLS = 10, 5
DELAYS = (0.0, 1.0, 0.4)
"""Seconds between the begin of a resource and every second kill, in turn; the others wait for a pending release."""
MOMENTS = ("istio-component-monitor", "purchase-history", "monitoring-stack")
"""What has been deleted when a `down` is interrupted: the first objects, a workload, the release beside its CRDs."""
KEPT = {"prom-crds"}
"""Releases that a `down` leaves."""
CUT_SECONDS = 20.0
CREATED_LIMIT_SECONDS = 300.0
STATE_MEGABYTES = 256
"""Room for history and backups too: each run adds some 4 MB, until a `down` takes all of it."""


@dataclass
class Story:
    """A lab with the engine's state beside it."""

    lab: Lab
    wire: Wire
    """What every run reaches the API server by: another address would be another cluster to the provider."""
    state: Path
    small: bool
    """Whether the state is on a small file system of its own."""
    told: list[str] = field(default_factory=list[str])

    def driver(self, **over: Any) -> EngineDriver:
        say = self.lab.say
        stack = self.lab.declared(**{**HERE, **over})
        return EngineDriver(find_engine(say), self.lab.target, stack, say, state=self.state)

    def begin(self, **over: Any) -> None:
        """Have the stack up with the settings `over`, whatever was before."""
        self.driver(**over).up()

    def recover(self) -> list[str]:
        """Recover, and return what was told; then once more, which has to find nothing."""
        options = RecoverOptions("dev", self.lab.target, self.state)
        self.told.clear()
        assert recover(options, lambda: True, self.told.append)
        told = list(self.told)
        self.told.clear()
        assert recover(options, lambda: True, self.told.append)
        assert self.told == [HEALTHY]
        assert [str(key) for key in self.repair.releases() if self.stands_half_way(key)] == []
        return told

    @cached_property
    def repair(self) -> HelmRepair:
        tools = toolchain.ensure(["helm", "kubectl"])
        return HelmRepair(tools["helm"], tools["kubectl"], self.lab.cluster.kubeconfig)

    def stands_half_way(self, key: ReleaseKey) -> bool:
        """Whether a release is not deployed, and not one that failed and that the next upgrade goes on from: because
        Kubernetes refuses its way back, or because it is the first revision and has none."""
        status = self.repair.releases()[key].status
        if status == "failed":
            way = self.repair.way_back(key)
            return bool(way.good and not way.newer)
        return status != "deployed"

    def unfinished(self) -> list[str]:
        releases = helm_releases(self.lab.cluster)
        return [name for name, status in releases.items() if status != "deployed"]

    def is_whole(self) -> bool:
        """Whether the stack is there, and nothing of it stands half-way."""
        return self.state_file().is_file() and self.left_open() == ([], []) and self.unfinished() == []

    def left_over(self) -> list[str]:
        """What a `down` has not taken away: the state, locks and releases."""
        files = [self.state_file()] if self.state_file().exists() else []
        locks = locks_of(self.state / "pulumi", "dev")
        return [*map(str, (*files, *locks)), *(helm_releases(self.lab.cluster).keys() - KEPT)]

    def left_open(self) -> tuple[list[Lock], list[Any]]:
        """The locks and the pending operations of the stack."""
        deployment = self.driver().deployment
        return locks_of(self.state / "pulumi", "dev"), list(deployment.get("pending_operations") or ())

    def state_file(self) -> Path:
        return state_file(self.state)


HEALTHY = "nothing to recover: stack dev has no lock, no pending operation and no unfinished release"


class Stories:
    """One lab for all tests, as long as each leaves it so that it can be recovered; else a new one for the next."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        """`folder` makes a new one for each lab."""
        self._folder = folder
        self._ending = ExitStack()
        self._story: Story | None = None

    def one(self) -> Story:
        """The lab of the tests before, or a new one."""
        if self._story is None:
            try:
                self._story = self._new()
            except ToolsMissingError as missing:
                pytest.skip(str(missing))
        return self._story

    def give_up_if_broken(self) -> None:
        """End the lab where recovery does not put it right."""
        try:
            if self._story is not None and not self._story.is_whole() and self._story.left_over():
                self._story.recover()
        except Exception as error:
            print(f"this lab is given up: {error}")
            self.close()

    def close(self) -> None:
        """End the lab, if there is one."""
        self._ending.close()
        self._story = None

    def _new(self) -> Story:
        folder = self._folder()
        state = folder / "state"
        state.mkdir()
        small = self._ending.enter_context(small_file_system(state))
        cluster = self._ending.enter_context(EmbeddedCluster.up("recover", state_dir=folder))
        cluster.kubectl("create", "namespace", MESHED)
        lab = Lab(cluster, folder, "dev")
        chart_folder("dev", UPGRADED)
        wire, lab.target = wired(lab)
        self._ending.callback(wire.close)
        return Story(lab, wire, state, small)


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stories]:
    with ExitStack() as ending:
        own = ending.enter_context(pytest.MonkeyPatch.context())
        own.delenv("PULUMI_BACKEND_URL", raising=False)
        found = Stories(lambda: tmp_path_factory.mktemp("recover"))
        ending.callback(found.close)
        yield found


@pytest.fixture
def story(stories: Stories) -> Iterator[Story]:
    yield stories.one()
    stories.give_up_if_broken()


@pytest.fixture
def nothing_before(stories: Stories) -> None:
    """Have a new lab next: without the CRDs that a `down` keeps."""
    stories.close()


@pytest.fixture(scope="module")
def uninterrupted(stories: Stories) -> list[str]:
    """The objects that an uninterrupted `up` makes."""
    story = stories.one()
    story.begin()
    return declared(story.lab.cluster)


@contextmanager
def small_file_system(folder: Path) -> Iterator[bool]:
    """A file system of a few megabytes at `folder`; false where this user may not mount one."""
    options = f"size={STATE_MEGABYTES}m"
    mounted = os.geteuid() == 0 and (
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False).returncode == 0
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", folder], check=True)


def helm_releases(cluster: EmbeddedCluster) -> dict[str, str]:
    """Status of each release's last revision, by name. As a table, which is quick: the records are megabytes."""
    columns = ("--label-columns", "name,status,version", "--no-headers")
    listed = cluster.kubectl("get", "secrets", "-A", "-l", "owner=helm", *columns).stdout
    rows = sorted((line.split()[-3:] for line in listed.splitlines()), key=lambda row: int(row[2]))
    return {name: status for name, status, _ in rows}


def interrupt(story: Story, progress: Progress, total: int, number: int, kills: int, **over: Any) -> bool:
    """One `up`, killed once `number` of `kills` parts of its resources have begun; false where it ended first."""
    wanted = total * number // kills
    killed: list[int] = []

    def kill() -> None:
        # Parallel work may have begun more than wanted by the last kill; then anything new will do.
        if progress.wait(lambda begun, now: now > 0 and len(begun) >= wanted):
            if number % 2:
                # In the middle of helm's work, if it does any more.
                while not story.unfinished() and not progress.ended:
                    time.sleep(0.05)
            else:
                time.sleep(DELAYS[number // 2 % len(DELAYS)])
            killed.extend(kill_engine(whole=number % 3 != 2))

    failed = up_with(story.driver(**over), progress, kill)
    assert bool(killed) == bool(failed), f"a run failed by itself after kill {number}: {failed}"
    return bool(killed)


# Its `up` is the first one, so that no later test takes the stack away for it.
@pytest.mark.usefixtures("uninterrupted")
def test_recovering_a_healthy_stack_changes_nothing_and_says_so(story: Story) -> None:
    story.begin()
    before, state = inventory(story.lab.cluster), story.state_file().read_bytes()
    assert recover(
        RecoverOptions("dev", story.lab.target, story.state), lambda: pytest.fail("asked"), story.told.append
    )
    assert story.told == [HEALTHY]
    assert inventory(story.lab.cluster) == before
    assert story.state_file().read_bytes() == state


def test_a_run_that_goes_on_is_not_disturbed(story: Story) -> None:
    story.begin()
    refused: list[LabError] = []
    ended = threading.Event()

    def meddle() -> None:
        while not ended.is_set() and not refused:
            if any((story.state / "pulumi" / ".pulumi" / "locks").rglob("*.json")):
                try:
                    recover(RecoverOptions("dev", story.lab.target, story.state), lambda: True, story.told.append)
                except LabError as error:
                    refused.append(error)
            time.sleep(0.1)

    meddler = threading.Thread(target=meddle)
    meddler.start()
    try:
        story.driver().down()
    finally:
        ended.set()
        meddler.join()
    (error,) = refused
    assert "a run is going on: the lock of process " in str(error)
    assert "nothing was changed" in str(error)


@pytest.mark.usefixtures("nothing_before")
def test_ten_kills_of_a_first_up_are_each_recovered_from(
    story: Story, dev: Recording, uninterrupted: list[str]
) -> None:
    progress, survived = Progress(), 0
    while survived < FIRST_KILLS:
        if interrupt(story, progress, len(dev.resources), survived, FIRST_KILLS):
            told = story.recover()
            survived += 1
            print(f"kill {survived} with {len(progress.begun)} resources begun", *told, sep="\n")
        else:
            # It was through before the next moment came.
            story.driver().down()
            progress.begun.clear()
    story.driver().up()
    story.driver().stack.preview(expect_no_changes=True)
    assert declared(story.lab.cluster) == uninterrupted
    assert story.lab.unavailable_deployments() == []


def test_five_kills_of_an_upgrade_are_each_recovered_from(story: Story) -> None:
    story.begin()
    before = story.lab.crds()
    changes = [name for name, action in actions(story, **UPGRADED).items() if action != "same"]
    progress, survived = Progress(), 0
    while survived < UPGRADE_KILLS:
        assert interrupt(story, progress, len(changes), survived, UPGRADE_KILLS, **UPGRADED)
        told = story.recover()
        survived += 1
        print(f"kill {survived} with {len(progress.begun)} of {len(changes)} changes begun", *told, sep="\n")
    story.driver(**UPGRADED).up()
    story.driver(**UPGRADED).stack.preview(expect_no_changes=True)
    now = story.lab.crds()
    assert {name: now.get(name) for name in before if name not in GONE_BY_THEN} == {
        name: uid for name, uid in before.items() if name not in GONE_BY_THEN
    }
    (prometheus,) = objects(story.lab.cluster, "crd", "prometheuses.monitoring.coreos.com")
    assert prometheus["metadata"]["annotations"]["operator.prometheus.io/version"] == "0.93.1"
    assert story.lab.unavailable_deployments() == []


def lines_with(story: Story, action: str, name: str, then: Callable[[], object]) -> threading.Thread:
    """Wait beside the test until the engine has created or deleted something of this name, then act."""
    seen = len(story.lab.lines)

    def wait() -> None:
        limit = time.monotonic() + CREATED_LIMIT_SECONDS
        while not any(re.match(rf"\s*{action} .*{name}", line) for line in story.lab.lines[seen:]):
            assert time.monotonic() < limit
            time.sleep(0.02)
        then()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def pressed(story: Story, action: str, name: str = "") -> threading.Thread:
    """Press Ctrl-C once the engine has created or deleted something, or the resource of this name."""
    return lines_with(story, action, name, then=lambda: os.kill(os.getpid(), signal.SIGINT))


def but_crds(listed: list[str]) -> list[str]:
    """The objects that go with a stack: a newer version's CRDs stay after it, from whichever test ran before."""
    return [name for name in listed if not name.startswith("CustomResourceDefinition ")]


@pytest.mark.usefixtures("nothing_before")  # the real charts' newer CRDs, which the upgrade left, refuse older ones
def test_ctrl_c_during_a_first_up_needs_no_recovery(story: Story, uninterrupted: list[str]) -> None:
    driver = story.driver()
    presser = pressed(story, "create")
    with pytest.raises(KeyboardInterrupt, match=r"^what was done is kept; next: meshlab up --stack dev"):
        driver.up()
    presser.join()
    assert WAITING in story.lab.lines
    assert not descendants(os.getpid(), "pulumi")
    assert story.recover() == [HEALTHY]
    story.driver().up()
    assert but_crds(declared(story.lab.cluster)) == but_crds(uninterrupted)


def only_uninstalls(told: list[str]) -> bool:
    """Whether uninstalls are all that recover had to end: on a busy machine, the provider gives up the wait for one."""
    acts = [line.strip() for line in told if line.startswith("  ")]
    ended = r"uninstall release \S+ \(uninstalling: .*|take \S+ out of the state: its release is gone"
    return bool(acts) and all(re.fullmatch(ended, act) for act in acts)


def test_up_converges_after_ctrl_c_during_a_down(story: Story, uninterrupted: list[str]) -> None:
    story.begin()
    for deleted in MOMENTS:
        driver = story.driver()
        presser = pressed(story, "delete", deleted)
        with pytest.raises(KeyboardInterrupt, match=r"^what was done is kept; next: meshlab down --stack dev"):
            driver.down()
        presser.join()
        locks, pending = story.left_open()
        assert (locks, pending) == ([], [])
        told = story.recover()
        assert told == [HEALTHY] or only_uninstalls(told), told
        story.driver().up()
        assert but_crds(declared(story.lab.cluster)) == but_crds(uninterrupted), deleted


def test_a_down_whose_engine_alone_was_interrupted_is_no_success(story: Story) -> None:
    story.begin()
    presser = lines_with(story, "delete", MOMENTS[-1], then=lambda: os.kill(engine(), signal.SIGINT))
    # The engine itself calls it one where all that it had begun came to its end.
    with pytest.raises(LabError, match=r"resources left in the state|pulumi destroy stopped"):
        story.driver().down()
    presser.join()
    story.driver().down()
    assert story.left_over() == []


def test_down_completes_what_others_have_uninstalled_or_left_so(story: Story) -> None:
    story.begin()
    # As an interrupted helm leaves it.
    with story.repair._record(ReleaseKey("istio-system", "istiod-1-17"), 1) as (secret, release):
        secret["metadata"]["labels"]["status"] = release["info"]["status"] = "uninstalling"
    story.lab.helm("uninstall", "kiali-operator", "--namespace", "kiali-operator", "--wait")
    story.driver().down()
    assert story.left_over() == []


def engine() -> int:
    """The process of the CLI that this process has started."""
    return descendants(os.getpid(), "pulumi")[0]


def test_up_converges_after_kills_of_a_down(story: Story, uninterrupted: list[str]) -> None:
    story.begin()
    for deleted in MOMENTS:
        watch = lines_with(story, "delete", deleted, then=lambda: kill_engine(whole=True))
        with pytest.raises(LabError):
            story.driver().down()
        watch.join()
        story.recover()
        story.driver().up()
        assert but_crds(declared(story.lab.cluster)) == but_crds(uninterrupted), deleted


def actions(story: Story, **over: Any) -> dict[str, str]:
    return {step.name: step.action for step in story.driver(**over).preview().steps}


def test_a_network_that_is_gone_for_a_while_costs_an_up_at_most(story: Story) -> None:
    story.begin(**UPGRADED)
    over = {**UPGRADED, "monitoring": {"version": "88.5.3", "retention": "11d"}}
    progress = Progress()

    def cut() -> None:
        if progress.wait(lambda begun, _: "monitoring-stack" in begun):
            time.sleep(0.5)
            story.wire.cut(CUT_SECONDS)

    failed = up_with(story.driver(**over), progress, cut)
    assert "monitoring-stack" in progress.begun, failed
    print(f"failed with {failed}" if failed else "went on")
    converges(story, **over)


def test_an_api_server_that_is_started_anew_costs_an_up_at_most(story: Story) -> None:
    story.begin(**UPGRADED)
    over = {**UPGRADED, "monitoring": {"version": "88.5.3", "retention": "12d"}}
    progress = Progress()

    def restart() -> None:
        if progress.wait(lambda begun, _: "monitoring-stack" in begun):
            time.sleep(0.5)
            restart_api_server(story.lab.cluster)

    failed = up_with(story.driver(**over), progress, restart)
    assert "monitoring-stack" in progress.begun, failed
    print(f"failed with {failed}" if failed else "went on")
    story.lab.cluster.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s")
    converges(story, **over)


def converges(story: Story, **over: Any) -> None:
    options = RecoverOptions("dev", story.lab.target, story.state)
    assert recover(options, lambda: True, story.told.append)
    story.driver(**over).up()
    story.driver(**over).stack.preview(expect_no_changes=True)
    assert story.unfinished() == []
    assert story.lab.unavailable_deployments() == []


def wired(lab: Lab) -> tuple[Wire, Target]:
    """The lab's cluster by way of a wire that can be cut."""
    config = yaml.safe_load(lab.cluster.kubeconfig.read_text(encoding="utf-8"))
    server = config["clusters"][0]["cluster"]
    wire = Wire(int(server["server"].rpartition(":")[2]))
    server["server"] = f"https://127.0.0.1:{wire.port}"
    kubeconfig = lab.folder / "wired"
    kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")
    return wire, Target(kubeconfig, embedded=True, label="test")


def restart_api_server(cluster: EmbeddedCluster) -> None:
    """kill -9 the API server of the test's own cluster, and start it again as it was."""
    servers = [pid for pid in cluster._record.processes() if command_of(pid)[0][0].endswith("/kube-apiserver")]
    (server,) = servers
    words, environment, folder = command_of(server)
    os.kill(server, 9)
    time.sleep(2.0)
    with (cluster.kubeconfig.parent / "kube-apiserver-again.log").open("wb") as log:
        # It carries the cluster's mark, and ends with the cluster.
        subprocess.Popen(words, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def test_a_full_disk_is_told_clearly_and_leaves_the_old_state_as_it_was(story: Story) -> None:
    if not story.small:
        pytest.skip("needs a small file system, which only root may mount")
    story.begin(**UPGRADED)
    over = {**UPGRADED, "monitoring": {"version": "88.5.3", "retention": "13d"}}
    driver = story.driver(**over)
    before = story.state_file().read_bytes()
    ballast = filled(story.state)
    try:
        with pytest.raises(LabError) as caught:
            driver.up()
        assert "no space left on device" in str(caught.value)
        assert len(str(caught.value).splitlines()) <= 6
        assert json.loads(story.state_file().read_bytes()) == json.loads(before)
    finally:
        ballast.unlink()
    converges(story, **over)
    assert not changed(story.driver(**over).up())

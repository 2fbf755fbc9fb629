"""`meshlab diff` in a repository with a history: this tree against another revision."""

import base64
import re
import shutil
import sys
from pathlib import Path

import pytest

from base import process
from base.errors import MeshlabError
from meshlab.charts.choice import Charts
from meshlab.charts.source import STAND_INS_FOLDER, pack_stand_ins
from meshlab.cli.commands.diff import RUN
from meshlab.diff.filter_file import FILE
from meshlab.diff.markdown import COMMENT_LIMIT
from meshlab.diff.trees import compare
from meshlab.render.helm import HelmRenderer, RenderTarget
from meshlab.render.stack import Renderer
from meshlab.render.trees import base_revision, checked_out, recorded
from settings.charts import Chart
from tests.render.conftest import KUBERNETES
from tests.render.history import DEV, History, project

SECRETS = ("hunter2-before", "hunter2-after")


@pytest.fixture
def history(tmp_path: Path, charts: Path) -> History:
    return project(tmp_path / "project", charts)


@pytest.fixture
def in_a_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `diff` run as in a workflow of GitHub."""
    for name, value in zip(RUN, ("https://github.example", "team/lab", "42"), strict=True):
        monkeypatch.setenv(name, value)


def test_nothing_changed_is_one_line_in_either_form(history: History) -> None:
    line = re.compile(r"`dev`: no rendered object changes against [0-9a-f]{7} \(merge base with main\)\n")
    for words in ((), ("--markdown", "--exit-code")):
        done = history.diff(*words)
        assert (done.returncode, done.stderr) == (0, "")
        assert line.fullmatch(done.stdout)


def test_an_uncommitted_change_counts_and_the_working_tree_is_unchanged(history: History) -> None:
    history.set("envoyDemo", scenario="retry")
    before = history.git("status", "--porcelain", "--ignored")
    done = history.diff("--exit-code")
    assert (done.returncode, done.stderr) == (2, "")
    assert re.search(
        r"^--- a/dev/envoy-demo/program/configmap-default-envoy-\w+\.yaml\n\+\+\+ /dev/null$", done.stdout, re.M
    )
    assert re.search(r"^\+ +numRetries: 3$", done.stdout, re.M)
    assert history.git("status", "--porcelain", "--ignored") == before


def test_the_default_base_is_where_the_branch_left_main(history: History) -> None:
    history.git("switch", "--quiet", "main")
    history.set("envoyDemo", scenario="retry")
    history.commit("main moves on")
    history.git("switch", "--quiet", "work")
    assert "no rendered object changes against" in history.diff().stdout
    assert re.search(r"^- +numRetries: 3$", history.diff("main").stdout, re.M)


def test_every_stack_is_compared_and_one_that_is_new_comes_whole(history: History) -> None:
    shutil.copy(history.root / DEV, history.root / "Pulumi.more.yaml")
    done = history.diff("--all", "--markdown")
    assert done.returncode == 0
    head, found = (
        done.stdout.split("\n", 1)[0],
        re.search(r"### `more`: (\d+) added, 0 changed, 0 removed", done.stdout),
    )
    assert head.startswith("`dev`: no rendered object changes")
    assert found is not None
    assert int(found[1]) > 100
    assert history.diff("--stack", "more").stdout.count("\n--- /dev/null\n") >= int(found[1])


def test_a_secret_shows_that_it_changes_and_nothing_else(history: History) -> None:
    for place, secret in enumerate(SECRETS):
        history.set("monitoring", values={"alertmanager": {"config": {"global": {"smtp_auth_password": secret}}}})
        history.commit()
        if place == 0:
            history.git("tag", "before")
    text, comment = history.diff("before").stdout, history.diff("before", "--markdown").stdout
    (line,) = [line for line in text.splitlines() if not line.startswith("diff") and "not shown" in line]
    assert line.endswith("what this Secret holds changes (not shown)")
    assert "what it holds (not shown)" in comment
    for secret in SECRETS:
        for shown in (secret, base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]):
            assert shown not in text + comment


def test_a_bump_of_kube_prometheus_stack_is_a_readable_list(history: History) -> None:
    both = {"prometheus-operator-crds": ["31.0.1"], "kube-prometheus-stack": ["88.5.3"]}
    if not all((history.charts / Chart(name, versions[0]).file).is_file() for name, versions in both.items()):
        assert history.charts == pack_stand_ins(STAND_INS_FOLDER, both, print)
    history.set("monitoring", version="88.5.3")
    done = history.diff("--markdown")
    assert (done.returncode, done.stderr) == (0, "")
    text = done.stdout
    assert len(text) <= COMMENT_LIMIT
    assert "- release prom: kube-prometheus-stack 42.2.1 → 88.5.3\n" in text
    assert "- release prom-crds: prometheus-operator-crds 0.1.0 → 31.0.1\n" in text
    titles = ("Custom resource definitions", "Images", "Objects of monitoring", "Diffs")
    places = [text.index(f"<b>{title}</b>") for title in titles]
    assert places == sorted(places)
    # The operator's webhooks are the program's own: what another version of the chart would make of them is out of it.
    assert "<b>Webhooks and admission policies</b>" not in text
    assert "- `scrapeconfigs.monitoring.coreos.com` (added): new kind ScrapeConfig: v1alpha1\n" in text
    assert re.search(r"^- `quay\.io/prometheus/prometheus:v2\.\S+` → `quay\.io/prometheus/prometheus:v3\.", text, re.M)
    assert "- removed: `Role prometheus/prom-grafana`\n" in text
    assert "- added: `CustomResourceDefinition scrapeconfigs.monitoring.coreos.com`\n" in text
    # Everything that is counted is also listed: by name, or among those whose labels alone change.
    added, changed, removed = map(int, re.search(r"(\d+) added, (\d+) changed, (\d+) removed", text).groups())  # type: ignore[union-attr]
    listed = re.findall(r"^- (added|changed|removed): `", text, re.M)
    labels_only = re.search(r"^- changed in their chart's version labels only \((\d+)\): ", text, re.M)
    assert labels_only is not None
    assert (listed.count("added"), listed.count("removed")) == (added, removed)
    assert listed.count("changed") + int(labels_only[1]) == changed


@pytest.mark.usefixtures("in_a_workflow")
def test_an_image_that_this_trees_program_changes_shows_against_the_base(
    history: History,
) -> None:
    file = history.root / "manifests" / "envoy_demo" / "httpbin.yaml"
    text = file.read_text()
    image = re.search(r"image: (\S+)", text)
    assert image is not None
    file.write_text(text.replace(image[1], "registry.example/lab/httpbin:9"))
    comment = history.diff("--markdown").stdout
    assert "→ `registry.example/lab/httpbin:9`: Deployment default/httpbin\n" in comment
    assert "Full diff" not in comment, "nothing is kept without --out"


def test_all_of_it_is_kept_in_a_folder_as_render_writes_it(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "rendered-diff"
    history.set("envoyDemo", scenario="retry")
    for name in RUN:
        monkeypatch.delenv(name, raising=False)
    done = history.diff("--all", "--markdown", "--out", str(out))
    assert (done.returncode, done.stderr) == (0, f"all of it, base and head: {out}/diff.html\n")
    assert f"Full diff: `{out}/diff.html`\n" in done.stdout
    for side, retries in (("base", False), ("head", True)):
        (envoy,) = (out / side / "dev" / "envoy-demo" / "program").glob("configmap-default-envoy-*.yaml")
        assert ("numRetries: 3" in envoy.read_text(encoding="utf-8")) is retries
    assert "numRetries: 3" in (out / "diff.html").read_text(encoding="utf-8")
    words = [sys.executable, "-m", "meshlab", "render", "--charts", history.charts, "--out", tmp_path / "alone"]
    process.run(words, timeout=300, cwd=history.root)
    both = [files_in(out / "head" / "dev"), files_in(tmp_path / "alone")]
    assert both[0] == both[1]
    assert len(both[0]) > 100


@pytest.mark.usefixtures("in_a_workflow")
def test_in_a_workflow_the_comment_names_the_run_that_keeps_all_of_it(history: History, tmp_path: Path) -> None:
    history.set("envoyDemo", scenario="retry")
    run = "https://github.example/team/lab/actions/runs/42"
    text = history.diff("--all", "--markdown", "--out", str(tmp_path / "rendered-diff")).stdout
    assert f"Full diff: artifact `rendered-diff` of [this run]({run}), diff.html in it\n" in text


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_folder_with_files_of_others_is_refused_before_anything_is_rendered(history: History, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    done = history.diff("--out", str(tmp_path / "mine"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.endswith("got also notes.txt (choose another --out)\n")


def test_the_filter_of_this_tree_counts_and_that_it_is_new_is_said(history: History) -> None:
    history.set("envoyDemo", scenario="retry")
    file = history.root / FILE
    file.parent.mkdir()
    file.write_text("leaveOut:\n  - {names: [envoy*]}\n  - {kinds: [Envoy]}\n", encoding="utf-8")
    text = history.diff("--all", "--markdown").stdout
    new, unused, *_ = text.splitlines()
    assert new.startswith(f"> {FILE} is another one than in ")
    assert unused == (
        f"> {FILE}: line 3: expected a rule about something that the stacks have, got no object "
        "(correct it, or take it away)"
    )
    assert re.search(rf"^- left out by {FILE}, line 2: \d changed objects$", text, re.M)
    # Said only as what forces a replacement, which is said of everything.
    assert len(re.findall(r"ConfigMap default/envoy", text)) == 1
    assert "numRetries: 3" in history.diff().stdout
    # Of one stack, a rule may well be about nothing.
    assert "line 3" not in history.diff("--markdown").stdout
    file.write_text("leaveOut:\n  - {kind: Envoy}\n", encoding="utf-8")
    done = history.diff()
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith(f"{FILE}: line 2: leaveOut[0].kind: expected one of the keys ")


def test_an_unknown_base_and_an_unknown_stack_are_one_line_each(history: History) -> None:
    done = history.diff("no-such-branch")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("no-such-branch: expected a revision of this repository, got none of that name")
    done = history.diff("--stack", "nowhere")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("Pulumi.nowhere.yaml: expected a stack file here or in ")
    assert done.stderr.endswith("got none (there are: dev)\n")


def test_a_chart_version_that_is_not_in_the_folder_is_named(history: History) -> None:
    history.set("kiali", version="1.0.9")
    done = history.diff()
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "expected kiali-operator-1.0.9.tgz in " in done.stderr


def test_a_folder_without_a_history_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MeshlabError, match=r"expected a git repository .* \(name the revision to compare with"):
        base_revision(tmp_path, None)


def test_a_base_is_called_by_what_was_asked_for_and_its_commit(history: History) -> None:
    commit = history.git("rev-parse", "HEAD").strip()
    assert base_revision(history.root, "HEAD").label == f"HEAD ({commit[:7]})"
    assert base_revision(history.root, commit[:10]).label == commit[:7]
    assert base_revision(history.root, None).label == f"{commit[:7]} (merge base with main)"


def test_a_fresh_clone_of_a_branch_has_its_base_on_the_remotes_main(history: History, tmp_path: Path) -> None:
    history.git("clone", "--quiet", "--branch", "work", str(history.root), str(tmp_path / "clone"))
    assert base_revision(tmp_path / "clone", None).label.endswith("(merge base with origin/main)")


def test_a_revision_is_checked_out_beside_the_working_tree_and_gone_after(history: History) -> None:
    commit = history.git("rev-parse", "HEAD").strip()
    (history.root / DEV).unlink()
    with checked_out(history.root, base_revision(history.root, commit)) as tree:
        assert (tree / DEV).is_file()
        assert not tree.is_relative_to(history.root)
    assert not tree.exists()
    assert not (history.root / DEV).exists()


def test_a_program_refuses_its_settings_in_one_line_with_its_revision(history: History) -> None:
    history.set("envoyDemo", scenario="sideways")
    with pytest.raises(MeshlabError, match=r"^this tree: its program refuses stack dev: .*scenario") as caught:
        recorded(history.root, "this tree", ["dev"])
    assert "\n" not in str(caught.value)


def test_a_program_that_does_not_run_says_why_in_one_line(history: History) -> None:
    (history.root / "__main__.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(MeshlabError, match=r"^old: its program does not run .*nothing_of_that_name") as caught:
        recorded(history.root, "old", ["dev"])
    assert "\n" not in str(caught.value)


def test_what_both_trees_have_in_common_is_rendered_once(history: History, helm: Path) -> None:
    history.set("envoyDemo", scenario="retry")
    charts = Charts(str(history.charts), print)
    once, both = Counting(helm), Counting(helm)
    here = recorded(history.root, "this tree", ["dev"])["dev"]
    Renderer(charts, once).recorded("dev", here.resources, here.source, RenderTarget(KUBERNETES))
    (comparison,) = compare(Renderer(charts, both), RenderTarget(KUBERNETES), None, ["dev"], history.root)
    assert {change.one.component for change in comparison.changes} == {"envoy-demo"}
    assert sorted(both.rendered) == sorted(once.rendered)


class Counting(HelmRenderer):
    """Counts what it renders, each release by its name."""

    def __init__(self, program: Path) -> None:
        super().__init__(program)
        self.rendered: list[str] = []

    def _template(self, release, *rest):  # type: ignore[no-untyped-def]
        self.rendered.append(release.name)
        return super()._template(release, *rest)

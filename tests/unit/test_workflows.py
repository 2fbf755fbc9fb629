"""The workflows: actionlint and zizmor have nothing to say, no action can change under us, every command is there.

What their steps do is tested where the commands are.
"""

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded.tools import toolchain
from meshlab.cli.main import COMMANDS
from meshlab.promote.pins import ORDER
from meshlab.recording.recorder import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FILES = [*WORKFLOWS, *sorted((GITHUB / "actions").glob("*/action.yml"))]
PINNED = re.compile(r"uses: [\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
MESHLAB = ".venv/bin/python -m meshlab "
ENGINE = r"meshlab (doctor|preview|up|nightly look) "
IDENTITY = "id-token"
"""The permission to be known to a cloud; nothing on GitHub can be written with it."""


def document(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def triggers(path: Path) -> dict[str, Any]:
    # YAML 1.1 takes the key `on` for true.
    found: Any = document(path)
    return found[True]


def jobs(path: Path) -> dict[str, Any]:
    return document(path)["jobs"]


def steps(path: Path) -> list[dict[str, Any]]:
    content = document(path)
    if "runs" in content:
        return content["runs"]["steps"]
    return [step for job in content["jobs"].values() for step in job["steps"]]


def with_credentials(job: dict[str, Any]) -> bool:
    """Whether a job reaches a cluster."""
    return "environment" in job


def scripts() -> Iterator[tuple[str, str]]:
    """Each shell line of a step, with the name of its file."""
    for path in FILES:
        for step in steps(path):
            for line in str(step.get("run", "")).splitlines():
                yield path.name, line


def meshlab_commands() -> set[str]:
    """What the workflows run after `python -m meshlab`, without what the shell makes of its output."""
    found = set()
    for _, line in scripts():
        for part in line.split(MESHLAB)[1:]:
            found.add(re.split(r" 2>&1| \||;|&&", part)[0].strip())
    return found


def test_actionlint_has_nothing_to_say() -> None:
    try:
        actionlint = toolchain.ensure(["actionlint"])["actionlint"]
    except toolchain.ToolsMissingError as missing:
        pytest.skip(str(missing))
    # Whether shellcheck is installed must not decide over the result.
    command = [actionlint, "-no-color", "-shellcheck=", "-pyflakes=", *WORKFLOWS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_zizmor_has_nothing_to_say_even_as_an_auditor() -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [zizmor, "--offline", "--no-progress", "--persona=auditor", "--no-online-audits", "--quiet", GITHUB]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings to report" in done.stdout


def test_every_action_is_pinned_by_commit_and_says_its_version() -> None:
    used = [
        (path.name, line.strip().removeprefix("- "))
        for path in FILES
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(r"\s*(- )?uses:", line)
    ]
    assert len(used) > 10
    ours = {f"uses: ./{path.parent.relative_to(ROOT)}" for path in FILES if path.name == "action.yml"}
    assert [(file, line) for file, line in used if line not in ours and not PINNED.match(line)] == []


def test_one_action_has_one_version_everywhere() -> None:
    versions: dict[str, set[str]] = {}
    for path in FILES:
        for action, version in re.findall(r"uses: (\S+)@(\S+ # \S+)", path.read_text(encoding="utf-8")):
            versions.setdefault(action, set()).add(version)
    assert {action: found for action, found in versions.items() if len(found) > 1} == {}


def test_every_checkout_leaves_no_credentials_behind() -> None:
    checkouts = [step for path in FILES for step in steps(path) if "actions/checkout@" in step.get("uses", "")]
    assert len(checkouts) >= len(WORKFLOWS)
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_job_has_the_permissions_it_names_and_no_others(path: Path) -> None:
    assert document(path)["permissions"] == {}
    may_write = {"comment": {"pull-requests"}, "tell": {"issues"}}
    for name, job in jobs(path).items():
        written = {scope for scope, access in job["permissions"].items() if access != "read"}
        assert written == may_write.get(name, {IDENTITY} if with_credentials(job) else set()), name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_runs_of_a_workflow_do_not_meet_and_none_hangs_for_ever(path: Path) -> None:
    assert document(path)["concurrency"]["group"]
    assert all(job["timeout-minutes"] <= 120 for job in jobs(path).values())


def test_no_job_has_both_write_access_to_github_and_cluster_credentials() -> None:
    for path in WORKFLOWS:
        for name, job in jobs(path).items():
            text = yaml.safe_dump(job)
            # A job that may say who it is writes nothing with that.
            writes = any(access == "write" for scope, access in job["permissions"].items() if scope != IDENTITY)
            assert not (writes and "secrets." in text), f"{path.name}: {name}"
            assert ("secrets." not in text) or "environment" in job, f"{path.name}: {name}"


def test_a_fork_gets_no_secret_and_is_tested_and_rendered_all_the_same() -> None:
    path = GITHUB / "workflows" / "pull-request.yml"
    assert list(triggers(path)) == ["pull_request"]
    own = "github.event.pull_request.head.repo.full_name == github.repository"
    for name, job in jobs(path).items():
        guarded = own in job.get("if", "")
        assert guarded == (name in ("preview", "comment")), name
        assert guarded or "secrets." not in yaml.safe_dump(job), name
    assert "make test" in [step.get("run") for step in jobs(path)["test"]["steps"]]


def test_all_of_the_diff_is_kept_under_the_name_that_the_comment_says() -> None:
    listed = jobs(GITHUB / "workflows" / "pull-request.yml")["diff"]["steps"]
    (command,) = [step["run"] for step in listed if " diff " in step.get("run", "")]
    (folder,) = re.findall(r"--out (\S+)", command)
    kept = [step["with"] for step in listed if "upload-artifact" in step.get("uses", "")]
    assert {artifact["name"]: artifact["path"] for artifact in kept} == {folder: folder, "comment-diff": "diff.md"}


def test_no_workflow_runs_a_pull_requests_code_with_more_rights_than_its_own() -> None:
    for path in WORKFLOWS:
        assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(triggers(path)), path.name


def test_deploy_takes_one_commit_through_the_stacks_in_their_order() -> None:
    deploy = jobs(GITHUB / "workflows" / "deploy.yml")
    names = [name for stack in ORDER for name in (f"plan-{stack}", stack)]
    assert list(deploy) == names
    assert [job.get("needs") for job in deploy.values()] == [None, *names[:-1]]
    for stack in ORDER:
        assert deploy[stack]["environment"] == stack
        assert deploy[f"plan-{stack}"]["environment"] == {"name": f"preview-{stack}", "deployment": False}
        for name, first in ((stack, ORDER[0]), (f"plan-{stack}", f"plan-{ORDER[0]}")):
            assert deploy[name]["env"]["STACK"] == stack
            assert deploy[name]["steps"] == deploy[first]["steps"]
            assert deploy[name]["steps"][0]["with"]["ref"] == "${{ github.sha }}"


def test_what_is_planned_before_the_approval_is_what_is_applied_after() -> None:
    deploy = jobs(GITHUB / "workflows" / "deploy.yml")
    kept = next(step["with"] for step in deploy["plan-prod"]["steps"] if "upload-artifact" in step.get("uses", ""))
    taken = next(step["with"] for step in deploy["prod"]["steps"] if "download-artifact" in step.get("uses", ""))
    (saved,) = re.findall(r"--save-plan (\S+)", yaml.safe_dump(deploy["plan-prod"]["steps"], width=1000))
    (applied,) = re.findall(r"--plan (\S+)", yaml.safe_dump(deploy["prod"]["steps"], width=1000))
    assert saved in kept["path"].split()
    assert len({str(Path(path).parent) for path in kept["path"].split()}) == 1, "the artifact has them without folders"
    assert (taken["name"], applied) == (kept["name"], f"{taken['path']}/{Path(saved).name}")
    # A file beside those of the commit would make it another tree, which has no plan.
    assert all(path.startswith(".state/") for path in (saved, applied))


def test_deploy_looks_before_it_acts_verifies_after_and_says_how_to_go_back() -> None:
    run = jobs(GITHUB / "workflows" / "deploy.yml")["prod"]["steps"]
    words = [str(step.get("run", step.get("uses"))) for step in run]
    order = [
        next(place for place, text in enumerate(words) if text.startswith(f"{MESHLAB}{command}"))
        for command in ("credentials", "doctor", "up", "verify", "rollback")
    ]
    assert order == sorted(order)
    by_condition = {step.get("if"): text for step, text in zip(run, words, strict=True)}
    assert "rollback" in by_condition["failure()"]
    assert "upload-artifact" in by_condition["always()"]
    assert not [step for step in run if "continue-on-error" in step]


def test_every_engine_run_gets_its_backend_and_what_opens_the_secrets() -> None:
    needed = {name: f"${{{{ secrets.{name} }}}}" for name in ("PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE")}
    found = [step for path in WORKFLOWS for step in steps(path) if re.search(ENGINE, str(step.get("run")))]
    assert len(found) >= 8
    assert [step["name"] for step in found if step.get("env") != needed] == []
    for path in WORKFLOWS:
        for name, job in jobs(path).items():
            assert not with_credentials(job) or job["env"]["PULUMI_BACKEND_URL"] == "${{ vars.PULUMI_BACKEND_URL }}", (
                name
            )


def test_each_job_with_credentials_asks_for_them_once_with_all_that_may_be_set() -> None:
    needed = {
        "VARIABLES": "${{ toJSON(vars) }}",
        "KUBECONFIG_DATA": "${{ secrets.KUBECONFIG_DATA }}",
        "PULUMI_ACCESS_TOKEN": "${{ secrets.PULUMI_ACCESS_TOKEN }}",
    }
    for path in WORKFLOWS:
        for name, job in jobs(path).items():
            asking = [step for step in job["steps"] if step.get("run") == f"{MESHLAB}credentials"]
            assert len(asking) == with_credentials(job), name
            assert all(step["env"] == needed for step in asking), name


@pytest.mark.parametrize("name", ["pull-request", "drift"])
def test_every_stack_is_previewed_and_looked_at_with_credentials_that_only_look(name: str) -> None:
    found = [job for job in jobs(GITHUB / "workflows" / f"{name}.yml").values() if "strategy" in job]
    assert [job["strategy"]["matrix"]["stack"] for job in found] == [list(ORDER)]
    assert [job["environment"]["name"] for job in found] == ["preview-${{ matrix.stack }}"]


def test_a_pipe_fails_where_any_part_of_it_does() -> None:
    piping = {file for file, line in scripts() if "|" in line}
    assert piping
    for path in WORKFLOWS:
        # GitHub's default shell has no pipefail; the named one has.
        assert path.name not in piping or document(path)["defaults"]["run"]["shell"] == "bash"


def test_a_step_is_one_command_and_no_script() -> None:
    assert [(file, line) for file, line in scripts() if re.search(r"&&|;|\bif\b|\bfor\b|\$\{\{", line)] == []
    for path in FILES:
        for step in steps(path):
            assert len(str(step.get("run", "")).splitlines()) <= 1, f"{path.name}: {step}"


def test_every_command_that_the_workflows_name_exists_with_its_options() -> None:
    commands = meshlab_commands()
    assert len(commands) >= 8
    for text in commands:
        name, *options = shlex.split(text.replace("$", "").replace('"', ""))
        assert name in COMMANDS, text
        parser = argparse.ArgumentParser(exit_on_error=False)
        import_module(f"meshlab.cli.commands.{name}").configure(parser)
        numbered = ["1" if option == "NUMBER" else option for option in options]
        try:
            parser.parse_args(numbered)
        except SystemExit:
            pytest.fail(f"meshlab does not take: {text}")


def test_the_drift_that_nightly_runs_exists_with_its_options() -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    import_module("meshlab.cli.commands.drift").configure(parser)
    parser.parse_args(["--stack", "dev", "--cluster", "lab"])


def test_every_target_of_make_that_the_workflows_name_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {target for _, line in scripts() for target in re.findall(r"^make (\S+)", line)}
    assert named
    assert named <= targets

#!/usr/bin/env python3
"""A `go` that keeps what each build has cost in the file that MESHLAB_BENCH_GO_LOG names, and is the real one else."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    """Run the real go, which is the next one on PATH; returns its exit code."""
    here = Path(sys.argv[0]).resolve()
    folders = os.environ["PATH"].split(os.pathsep)
    others = [folder for folder in folders if (Path(folder) / "go").resolve() != here]
    real = shutil.which("go", path=os.pathsep.join(others))
    if real is None:
        print("go: not on PATH", file=sys.stderr)
        return 127
    started = time.monotonic()
    child = subprocess.Popen([real, *sys.argv[1:]])
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = 0  # it is waited for
    code = os.waitstatus_to_exitcode(status)
    if sys.argv[1:2] == ["build"] and code == 0:
        entry = {
            "programs": [_program(word) for word in _packages(sys.argv)],
            "seconds": time.monotonic() - started,
            "cpu_seconds": used.ru_utime + used.ru_stime,
        }
        with Path(os.environ["MESHLAB_BENCH_GO_LOG"]).open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")
    return code if code >= 0 else 128 - code


def _packages(words: list[str]) -> list[str]:
    """The packages stand at the end, after the option that names where the programs go."""
    return words[words.index("-o") + 2 :]


def _program(package: str) -> str:
    parts = package.split("/")
    return parts[-2] if parts[-1].startswith("v") and parts[-1][1:].isdigit() else parts[-1]


if __name__ == "__main__":
    sys.exit(main())

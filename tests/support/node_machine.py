"""Debian's packages for the tests of the real node: `python -m tests.support.node_machine` installs those that lack.

Only where that is possible and harmless: as root, with apt, and where no package has to go for them. Everywhere else
these tests are skipped with what `embedded.node.check` says.
"""

import os
import shutil
import sys

from base.process import ProcessError, run
from embedded.node import NodeError, check
from embedded.node.requirements import missing_here

INSTALL_LIMIT = 900.0


def main() -> int:
    """Install what lacks, and say why where the tests will be skipped; returns 0 in any case."""
    try:
        if sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get"):
            install(sorted(set(missing_here().values())))
        check()
    except (NodeError, ProcessError) as error:
        print(f"real node: its tests are skipped ({error})", flush=True)
    return 0


def install(packages: list[str]) -> None:
    """Install Debian's packages. Raises ProcessError, and then nothing is installed."""
    if not packages:
        return
    print(f"real node: installing Debian's packages {' '.join(packages)}", flush=True)
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update"], timeout=INSTALL_LIMIT, env=quiet)
    # Another containerd, such as Docker's, conflicts with Debian's: it stays, and these tests are skipped.
    options = ("--yes", "--no-install-recommends", "--no-remove")
    run(["apt-get", "install", *options, *packages], timeout=INSTALL_LIMIT, env=quiet)


if __name__ == "__main__":
    sys.exit(main())

"""What the tests find in place of the caller's own state folder, kubeconfig, Pulumi backend and login.

Imported before meshlab, which reads some of it as it is imported; `base.environment` reads none. Child processes
inherit it.
"""

import os
import tempfile

from base.environment import PLACES

_KEPT = tempfile.TemporaryDirectory(prefix="meshlab-tests-", ignore_cleanup_errors=True)
STATE = _KEPT.name
"""Empty at first; gone with this process. An embedded cluster of the checkout's own state folder is not seen here."""

# A file that there is not: neither the caller's nor the one in the caller's home, which programs read without a name.
os.environ |= {
    "MESHLAB_STATE": STATE,
    "KUBECONFIG": f"{STATE}/no-kubeconfig",
    "PULUMI_HOME": f"{STATE}/pulumi-home",
}
_OTHERS = {name for name in PLACES if name.startswith("PULUMI_")} - {"PULUMI_HOME"}
for _name in os.environ.keys() & _OTHERS:
    del os.environ[_name]

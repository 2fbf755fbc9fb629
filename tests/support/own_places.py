"""What the tests find in place of the caller's own state folder, kubeconfig and Pulumi backend.

Imported before meshlab, which reads some of it as it is imported. Child processes inherit it.
"""

import os
import tempfile

_KEPT = tempfile.TemporaryDirectory(prefix="meshlab-tests-", ignore_cleanup_errors=True)
STATE = _KEPT.name
"""Empty at first; gone with this process. An embedded cluster of the checkout's own state folder is not seen here."""

# A file that there is not: neither the caller's nor the one in the caller's home, which programs read without a name.
os.environ |= {"MESHLAB_STATE": STATE, "KUBECONFIG": f"{STATE}/no-kubeconfig"}
for _name in os.environ.keys() & {"PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"}:
    del os.environ[_name]

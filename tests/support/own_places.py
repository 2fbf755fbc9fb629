"""What the tests find in place of the caller's own state folder, kubeconfig, Pulumi backend and login.

Imported before meshlab, which reads some of it as it is imported. Child processes inherit it.
"""

import os
import tempfile

_KEPT = tempfile.TemporaryDirectory(prefix="meshlab-tests-", ignore_cleanup_errors=True)
STATE = _KEPT.name
"""Empty at first; gone with this process. An embedded cluster of the checkout's own state folder is not seen here."""

# A file that there is not: neither the caller's nor the one in the caller's home, which programs read without a name.
os.environ |= {
    "MESHLAB_STATE": STATE,
    "KUBECONFIG": f"{STATE}/no-kubeconfig",
    "PULUMI_HOME": f"{STATE}/pulumi-home",
}
_OTHERS = {
    "PULUMI_ACCESS_TOKEN",
    "PULUMI_API",
    "PULUMI_BACKEND_URL",
    "PULUMI_CONFIG_PASSPHRASE",
    "PULUMI_CONFIG_PASSPHRASE_FILE",
    "PULUMI_CREDENTIALS_PATH",
    "PULUMI_CREDENTIAL_HELPER",
    "PULUMI_DEFAULT_ORGANIZATION",
}
for _name in os.environ.keys() & _OTHERS:
    del os.environ[_name]

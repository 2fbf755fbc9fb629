#!/usr/bin/env bash
# A `pulumi destroy` that SIGINT has interrupted exits with 0, and its history says "succeeded".
#
# Packages: pulumi 3.272.0 (PyPI), the CLI of github.com/pulumi/pulumi/pkg/v3 v3.276.0 (Go module), a file backend.
# Expected: a command that was interrupted before its work was done exits with another code than 0, and its history
#           says "failed", so that a script or a cancelled job knows that the stack is still there in part.
# Seen:     where the deletion that is under way ends well, the destroy counts as a success, though it never began with
#           the next resource. The rest of the stack stays, in the state and where it was created.
# Way out:  after a destroy, ask the state what is left: `pulumi stack export`, or `pulumi stack rm` without --force,
#           which refuses a stack that still has resources.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet pulumi==3.272.0
mkdir bin
(
	printf 'module finding\n\ngo 1.26.0\n' > go.mod
	go get -tool github.com/pulumi/pulumi/pkg/v3/cmd/pulumi@v3.276.0
	stamp=github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.276.0
	go build -ldflags "-s -w -X $stamp" -o bin/pulumi github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
) > build.log 2>&1 || { cat build.log; exit 1; }
# What starts the providers that are classes of a Python program.
cat > bin/pulumi-resource-pulumi-python <<SH
#!/bin/sh
exec "$work/venv/bin/python" -u -m pulumi.dynamic "\$@"
SH
chmod +x bin/pulumi-resource-pulumi-python
cat > program.py <<'PY'
import signal
import subprocess
import time
from pathlib import Path

import pulumi
from pulumi import automation as auto
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class Slow(ResourceProvider):
    def create(self, props):
        return CreateResult(id_="1", outs=dict(props))

    def delete(self, id_, props):
        import time

        open(props["begun"], "w").close()
        time.sleep(3)


class Thing(Resource):
    def __init__(self, name, opts=None):
        super().__init__(Slow(), name, {"begun": str(Path(name).absolute())}, opts)


def program():
    first = Thing("first")
    Thing("second", pulumi.ResourceOptions(depends_on=[first]))


stack = auto.create_or_select_stack("dev", project_name="finding", program=program)
stack.up()
command = ["pulumi", "destroy", "--yes", "--non-interactive", "--stack", "dev"]
destroy = subprocess.Popen(command, cwd=stack.workspace.work_dir, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
while not Path("second").exists() and destroy.poll() is None:
    time.sleep(0.05)
destroy.send_signal(signal.SIGINT)
print("exit code:", destroy.wait())
last = stack.history(page_size=1)[0]
print("history:", last.kind, last.result)
left = [one["urn"] for one in stack.export_stack().deployment["resources"]]
print("left:", *[urn.rpartition("::")[2] for urn in left if "Resource::" in urn])
PY
bin/pulumi version
venv/bin/pip list 2> pip.log | grep '^pulumi '
PATH=$work/bin:$PATH PULUMI_HOME=$work/home PULUMI_BACKEND_URL=file://$work PULUMI_CONFIG_PASSPHRASE='' \
	PULUMI_SKIP_UPDATE_CHECK=true venv/bin/python program.py 2> error.log | tee seen.out
diff seen.out - <<'TEXT'
exit code: 0
history: destroy succeeded
left: first
TEXT

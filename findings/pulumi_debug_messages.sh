#!/usr/bin/env bash
# The Python SDK sends the engine several debug messages for each resource, and the program waits for every answer.
#
# Packages: pulumi 3.272.0 (PyPI).
# Expected: debug messages cost nothing unless somebody asked for them (`pulumi up --debug`), or go out in the
#           background, as registrations do.
# Seen:     pulumi.log.debug has no level: each message is a call of Engine.Log, made in the thread of the program's
#           event loop, which goes on after the answer. A program of 74 resources makes some 350 such calls to an engine
#           that throws them away: a tenth of a second of a preview that changes nothing (pulumi 3.276.0, two cores).
# Way out:  where the program runs inline, replace `Log` of the engine that pulumi.runtime.settings.get_engine() returns
#           by one that drops requests of severity DEBUG.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet pulumi==3.272.0
venv/bin/pip list 2> pip.log | grep '^pulumi '
cat > program.py <<'PY'
import asyncio
import threading
from collections import Counter

import pulumi
from pulumi.runtime import Mocks
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto import engine_pb2
from pulumi.runtime.settings import Settings, configure
from pulumi.runtime.stack import run_in_stack

RESOURCES = 20


class Echo(Mocks):
    def new_resource(self, args):
        return f"{args.name}-id", args.inputs

    def call(self, args):
        return {}


class Engine:
    """Counts messages by severity, and the threads that they come from."""

    def __init__(self) -> None:
        self.severities, self.threads = Counter(), set()

    def Log(self, request):
        self.severities[engine_pb2.LogSeverity.Name(request.severity)] += 1
        self.threads.add(threading.current_thread())

    def SetRootResource(self, request):
        return engine_pb2.SetRootResourceResponse()

    def GetRootResource(self, request):
        return engine_pb2.GetRootResourceResponse()


def program() -> None:
    for number in range(RESOURCES):
        pulumi.CustomResource("test:index:Thing", f"thing-{number}", {"size": number})


engine = Engine()
asyncio.set_event_loop(asyncio.new_event_loop())
configure(Settings(project="p", stack="s", monitor=MockMonitor(Echo()), engine=engine))
asyncio.get_event_loop().run_until_complete(run_in_stack(program))
print("severities:", *sorted(engine.severities))
print("debug messages for each resource, at least:", engine.severities["DEBUG"] // RESOURCES)
print("sent in the thread of the event loop:", engine.threads == {threading.main_thread()})
PY
venv/bin/python program.py 2> error.log | tee seen.out || { cat error.log >&2; exit 1; }
diff seen.out - <<'TEXT'
severities: DEBUG
debug messages for each resource, at least: 4
sent in the thread of the event loop: True
TEXT

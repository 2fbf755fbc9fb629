#!/usr/bin/env bash
# Pulumi's Python SDK tells the engine the whole call stack of each registration, and the engine keeps it in the state.
#
# Packages: pulumi 3.272.0 (PyPI). The CLI 3.276.0 stores what it is told as `stackTrace` of the resource.
# Expected: the lines of the program that lead to a resource, with paths from the program's folder.
# Seen:     two lines of the program, and below them each frame of what runs it (asyncio, threading, the SDK), with the
#           paths of this machine. For a small resource that is most of the message. In a state of 82 Kubernetes
#           resources it was 189 KB, and a file backend writes the whole state at each step. A state in a backend that
#           a team shares so has the paths of whoever was last, up to the name of the home folder.
# Way out:  none by an option. A program can replace pulumi.runtime.resource._get_stack_trace.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet pulumi==3.272.0
venv/bin/pip list 2> pip.log | grep '^pulumi '
mkdir program
cat > program/main.py <<'PY'
import pulumi


class Queue(pulumi.CustomResource):
    def __init__(self, name, opts=None):
        super().__init__("example:index:Queue", name, {"size": 1}, opts)


class Service(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("example:index:Service", name)
        Queue("queue", pulumi.ResourceOptions(parent=self))


def program():
    Service("service")
PY
cat > run.py <<'PY'
import asyncio
import sys
from pathlib import Path

from pulumi.runtime import Mocks, run_in_stack, set_mocks
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import set_root_resource

sys.path.insert(0, "program")
from main import program  # noqa: E402


class Echo(Mocks):
    def new_resource(self, args):
        return "id", args.inputs

    def call(self, args):
        return {}


class Monitor(MockMonitor):
    def RegisterResource(self, request):
        if request.type == "example:index:Queue":
            files = [frame.pc.uri for frame in request.stackTrace.frames]
            ours = [file for file in files if file == Path("program/main.py").resolve().as_uri()]
            others = [file for file in files if file not in ours]
            print(f"lines of the program: {len(ours)}")
            print(f"lines of other files, more than that: {len(others) > len(ours)}")
            print(f"  of the SDK: {any('/pulumi/runtime/' in file for file in others)}")
            print(f"  of the interpreter: {any(file.endswith('/asyncio/base_events.py') for file in others)}")
            print(f"most of the message: {request.stackTrace.ByteSize() > request.ByteSize() / 2}")
        return super().RegisterResource(request)


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
set_mocks(Echo(), monitor=Monitor(Echo()))
set_root_resource(None)  # set_mocks has made a stack, and run_in_stack makes one
loop.run_until_complete(run_in_stack(program))
PY
venv/bin/python run.py 2> error.log | tee seen.out
diff seen.out - <<'TEXT'
lines of the program: 2
lines of other files, more than that: True
  of the SDK: True
  of the interpreter: True
most of the message: True
TEXT

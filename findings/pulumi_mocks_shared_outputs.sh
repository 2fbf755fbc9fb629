#!/usr/bin/env bash
# Two programs under Pulumi's mocks, each in a thread of its own, wait for each other's outputs.
#
# Packages: pulumi 3.272.0 (PyPI).
# Expected: the SDK keeps what a program registers in context variables, so that programs beside each other, as the
#           Automation API runs them, have nothing in common. The RPCs of two programs under mocks are indeed apart.
# Seen:     both have one set of outputs: the class of the mocks' settings does not make one, and a thread that has not
#           set the context variable reads what another thread, the last that set it for its first time, has put there.
#           A program under mocks waits at its end for outputs of that other one, whose event loop may long be closed or
#           stand still.
# Way out:  before set_mocks, in the same thread: configure(Settings(project=..., stack=...)), which makes one.
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

from pulumi.runtime import Mocks, set_mocks
from pulumi.runtime.settings import SETTINGS, Settings, configure


class Echo(Mocks):
    def new_resource(self, args):
        return "id", args.inputs

    def call(self, args):
        return {}


def programs(own_settings: bool) -> list:
    seen = []

    def run() -> None:
        asyncio.set_event_loop(asyncio.new_event_loop())
        if own_settings:
            configure(Settings(project="p", stack="s"))
        set_mocks(Echo())
        seen.append((SETTINGS.outputs, SETTINGS.rpc_manager))

    for _ in range(2):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    return seen


for own_settings in (False, True):
    (outputs, rpcs), (other_outputs, other_rpcs) = programs(own_settings)
    print(f"settings of its own: {own_settings}")
    print(f"  RPCs in common: {rpcs is other_rpcs}")
    print(f"  outputs in common: {outputs is other_outputs}")
PY
venv/bin/python program.py 2> error.log | tee seen.out
diff seen.out - <<'TEXT'
settings of its own: False
  RPCs in common: False
  outputs in common: True
settings of its own: True
  RPCs in common: False
  outputs in common: False
TEXT

#!/usr/bin/env bash
# A Pulumi program that never ended takes, when Python collects it, what another program has registered.
#
# Packages: pulumi 3.272.0 (PyPI).
# Expected: a program whose engine has gone is no part of any later run. Its coroutine, which waits for ever, is freed
#           like any other object that nobody refers to.
# Seen:     freeing it raises GeneratorExit in run_pulumi_func, which catches every BaseException, and goes on with
#           wait_for_rpcs. That reads the context of whichever thread the garbage collector runs in: it takes the
#           outputs that the program there has registered, and that one no longer waits for them.
# Way out:  after an operation of the Automation API that was interrupted, close what is left of its program:
#           coroutine.close() of every task in its loop, in a contextvars.Context of its own with new Settings.
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
import gc
import threading

from pulumi.runtime.settings import SETTINGS, Settings, configure
from pulumi.runtime.stack import run_pulumi_func


async def waits_for_its_engine() -> None:
    await asyncio.get_running_loop().create_future()


def interrupted() -> None:
    configure(Settings(project="p", stack="first"))
    loop = asyncio.new_event_loop()
    loop.call_later(0.1, loop.stop)
    try:
        loop.run_until_complete(run_pulumi_func(waits_for_its_engine))
    except RuntimeError:
        pass  # the loop was stopped: this is the interruption


async def another() -> None:
    configure(Settings(project="p", stack="second"))
    SETTINGS.outputs.add(asyncio.get_running_loop().create_future())
    print("registered:", len(SETTINGS.outputs))
    gc.collect()
    print("after a collection:", len(SETTINGS.outputs))


for run in (interrupted, lambda: asyncio.run(another())):
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
PY
venv/bin/python program.py 2> error.log | tee seen.out
diff seen.out - <<'TEXT'
registered: 1
after a collection: 0
TEXT

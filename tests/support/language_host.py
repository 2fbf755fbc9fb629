"""A language host for the tests, where the machine has none: the plain `pulumi` command starts it to run a program.

Pulumi's own host is no published module. This one runs the program in its own process by the server of the SDK, which
is what counts here: another process than the driver's, with the environment that the command was given. A plugin that
is a program, it starts as a process of its own.
"""

import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

CHUNK_BYTES = 4096


class Host(LanguageServer):
    """Runs the program of the folder that the engine names."""

    def __init__(self) -> None:
        super().__init__(lambda: runpy.run_path("__main__.py", run_name="__main__"))

    def Run(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        folder = request.info.program_directory
        os.chdir(folder)
        sys.path.insert(0, folder)
        return super().Run(request, context)

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802 - gRPC's name
        """Nothing: what the program needs is what the tests run with."""
        yield language_pb2.InstallDependenciesResponse()

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802 - gRPC's name
        """What the plugin writes, until it ends or the engine ends it."""
        given = dict(entry.split("=", 1) for entry in request.env)
        command = [sys.executable, request.info.program_directory, *request.args]
        with subprocess.Popen(
            command, cwd=request.pwd, env={**os.environ, **given}, stdout=subprocess.PIPE, bufsize=0
        ) as plugin:
            context.add_callback(plugin.terminate)
            assert plugin.stdout is not None
            while chunk := plugin.stdout.read(CHUNK_BYTES):
                yield language_pb2.RunPluginResponse(stdout=chunk)
        yield language_pb2.RunPluginResponse(exitcode=plugin.returncode)


def main() -> None:
    """Serve until the engine ends this process; the port is the only thing that it reads."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Host(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()

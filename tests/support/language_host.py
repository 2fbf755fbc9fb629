"""A language host for the tests, where the machine has none: the plain `pulumi` command starts it to run a program.

Pulumi's own host is no published module. This one runs the program in its own process by the server of the SDK, which
is what counts here: another process than the driver's, with the environment that the command was given.
"""

import os
import runpy
import sys
from concurrent import futures
from typing import Any

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2_grpc


class Host(LanguageServer):
    """Runs the program of the folder that the engine names."""

    def __init__(self) -> None:
        super().__init__(lambda: runpy.run_path("__main__.py", run_name="__main__"))

    def Run(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        folder = request.info.program_directory
        os.chdir(folder)
        sys.path.insert(0, folder)
        return super().Run(request, context)


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

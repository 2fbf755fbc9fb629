"""The security contexts that running containers have, seen in their processes, beside what their pods declare."""

import re
from pathlib import Path
from typing import Any

CAPABILITIES = {"NET_BIND_SERVICE": 10}
"""The bits, by name, of the capabilities that the lab's containers add."""


def held(process: int) -> dict[str, Any]:
    """What binds a process, by the field of a security context that asks for it."""
    text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    status = dict(re.findall(r"^(\w+):\s+(\S+)", text, re.MULTILINE))
    mounts = [line.split() for line in Path(f"/proc/{process}/mountinfo").read_text(encoding="utf-8").splitlines()]
    root = next(words[5] for words in mounts if words[4] == "/")
    return {
        "runAsUser": int(status["Uid"]),
        "readOnlyRootFilesystem": "ro" in root.split(","),
        "allowPrivilegeEscalation": status["NoNewPrivs"] == "0",
        "capabilities": int(status["CapBnd"], 16),
        "seccompProfile": status["Seccomp"] == "2",
    }


def declared(pod: dict[str, Any], container: dict[str, Any]) -> dict[str, Any]:
    """What a container's context asks for, in the form of `held`, without what it leaves to the runtime."""
    context = {**pod["spec"].get("securityContext", {}), **container.get("securityContext", {})}
    found = {key: context[key] for key in ("runAsUser", "allowPrivilegeEscalation") if key in context}
    if context.get("readOnlyRootFilesystem"):
        found["readOnlyRootFilesystem"] = True
    if context.get("seccompProfile", {}).get("type") == "RuntimeDefault":
        found["seccompProfile"] = True
    if context.get("capabilities", {}).get("drop") == ["ALL"]:
        found["capabilities"] = sum(1 << CAPABILITIES[name] for name in context["capabilities"].get("add", []))
    return found


def first_processes(group: str) -> dict[str, int]:
    """The first process of each running container below a cgroup, by the container's identifier."""
    found: dict[str, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            groups = (folder / "cgroup").read_text(encoding="utf-8")
        except OSError:  # it ended meanwhile
            continue
        container = re.search(re.escape(group) + r"/.*/([0-9a-f]{64})$", groups, re.MULTILINE)
        if container:
            found[container[1]] = min(int(folder.name), found.get(container[1], int(folder.name)))
    return found


def unlike(pods: list[dict[str, Any]], group: str) -> dict[str, dict[str, Any]]:
    """Containers of these pods that do not hold what they declare, each with what was seen: nothing, if no process
    of it was found."""
    processes = first_processes(group)
    different: dict[str, dict[str, Any]] = {}
    for pod in pods:
        identifiers = {
            status["name"]: status["containerID"].split("//")[1] for status in pod["status"]["containerStatuses"]
        }
        for container in pod["spec"]["containers"]:
            process = processes.get(identifiers[container["name"]])
            seen = held(process) if process else {}
            wanted = declared(pod, container)
            if not seen or {key: seen[key] for key in wanted} != wanted:
                different[f"{pod['metadata']['name']}/{container['name']}"] = seen
    return different

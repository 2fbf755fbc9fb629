"""Reads kubeconfigs as kubectl reads them: every file of KUBECONFIG merged, one context of it, with whole paths.

kubectl itself cannot be asked for it: what it prints of a merged configuration has relative paths of token files and
helpers in it, and no word about which file they are relative to.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from .api_objects import AccessError, mapping

VARIABLE = "KUBECONFIG"
POD_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
POD_SERVER = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")
IN_POD = "in-cluster"
SECTIONS = {"contexts": "context", "clusters": "cluster", "users": "user"}
CLUSTER_FILES = ("certificate-authority",)
USER_FILES = ("client-certificate", "client-key", "tokenFile")
IMPERSONATION = ("as-uid", "as-groups", "as-user-extra")

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Kubeconfig:
    """One context: a cluster, and as whom to use it. Every path in it is absolute."""

    name: str
    """The context's."""
    context: Fields
    cluster: Fields
    user: Fields

    def text(self) -> str:
        """A kubeconfig file that has this context alone, current, and that may lie anywhere."""
        cluster, user = str(self.context["cluster"]), str(self.context.get("user") or "")
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.name,
            "contexts": [{"name": self.name, "context": dict(self.context)}],
            "clusters": [{"name": cluster, "cluster": dict(self.cluster)}],
            "users": [{"name": user, "user": dict(self.user)}] if user else [],
        }
        # Which is YAML too, and has no text in it that one reader takes for a text and another for a truth value.
        return json.dumps(document, indent=1)


def read(context: str | None = None, file: Path | None = None) -> Kubeconfig:
    """One context of the user's kubeconfigs, or of `file` alone; without a name, the current one.

    Raises AccessError where there is none of that name, or kubectl would refuse it.
    """
    merged = _merged([file] if file is not None else list(_files()), needed=file is not None)
    name = context if context is not None else merged.current
    if not name:
        if not merged.sections["clusters"] and (pod := _in_pod()) is not None:
            return pod
        raise AccessError(f"kubeconfig: expected a current context, got none ({merged.choice()})")
    if name not in merged.sections["contexts"]:
        raise AccessError(f"kubeconfig: expected a context named {name}, got none of that name ({merged.choice()})")
    found = merged.sections["contexts"][name]
    cluster = merged.sections["clusters"].get(str(found.get("cluster") or ""), {})
    # kubectl goes on as nobody where a context names a user that no file has.
    one = Kubeconfig(name, found, cluster, merged.sections["users"].get(str(found.get("user") or ""), {}))
    for fault in _faults(one):
        raise AccessError(f"kubeconfig: context {name}: {fault}")
    return one


def contexts() -> list[str]:
    """The names of all contexts of the user's kubeconfigs. Raises AccessError where kubectl would refuse a file."""
    return sorted(_merged(list(_files()), needed=False).sections["contexts"])


@dataclass(frozen=True)
class _Merged:
    current: str
    sections: Mapping[str, dict[str, Fields]]

    def choice(self) -> str:
        """The contexts that can be named instead, or what to do where no file has any."""
        names = sorted(self.sections["contexts"])
        if not names:
            return f"no context exists: name a kubeconfig in {VARIABLE}"
        return f"the contexts are: {', '.join(names)}; kubectl config get-contexts lists them with their clusters"


class _KubectlLoader(yaml.SafeLoader):
    """YAML as kubectl has it: what looks like a time is a text."""


_KubectlLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _files() -> Iterator[Path]:
    """The user's kubeconfigs, the one that counts first. The same one twice counts once."""
    listed = os.environ.get(VARIABLE) or str(Path.home() / ".kube" / "config")
    yield from (Path(name) for name in dict.fromkeys(listed.split(os.pathsep)) if name)


def _merged(files: Sequence[Path], *, needed: bool) -> _Merged:
    """What the files say together. Of two entries of one name, the first file's counts, whole."""
    current, sections = "", {section: dict[str, Fields]() for section in SECTIONS}
    for file in files:
        try:
            document = _document(file)
        except FileNotFoundError:
            if needed:
                raise AccessError(f"kubeconfig: expected a file {file}, got none") from None
            continue
        current = current or str(document.get("current-context") or "")
        for section, inner in SECTIONS.items():
            for name, fields in _entries(file, document, section, inner).items():
                sections[section].setdefault(name, _resolved(fields, section, file))
    return _Merged(current, sections)


def _document(file: Path) -> Fields:
    try:
        loaded: Any = yaml.load(file.read_text(encoding="utf-8"), _KubectlLoader)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise AccessError(f"kubeconfig: {file} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(loaded, Mapping | None):
        raise AccessError(f"kubeconfig: {file}: expected a mapping, got a {type(loaded).__name__}")
    return cast(Fields, loaded or {})


def _entries(file: Path, document: Fields, section: str, inner: str) -> dict[str, Fields]:
    found: dict[str, Fields] = {}
    listed: Any = document.get(section) or []
    if not isinstance(listed, list) or not all(_is_entry(item, inner) for item in cast(list[Any], listed)):
        raise AccessError(f"kubeconfig: {file}: {section}: expected a list of entries, each a name and a {inner}")
    for entry in cast(list[Fields], listed):
        name = entry.get("name")
        if not isinstance(name, str) or name in found:
            what = f"{name!r} twice" if name in found else f"{name!r}"
            raise AccessError(f"kubeconfig: {file}: {section}: expected a name of its own for each, got {what}")
        found[name] = mapping(entry.get(inner))
    return found


def _is_entry(one: Any, inner: str) -> bool:
    return isinstance(one, Mapping) and isinstance(cast(Fields, one).get(inner), Mapping | None)


def _resolved(fields: Fields, section: str, file: Path) -> Fields:
    """The fields of an entry, whose paths are relative to its file. A helper without a slash is looked for on PATH."""
    base = (Path.cwd() / file).parent  # not resolved: kubectl takes a link's own folder
    names = {"clusters": CLUSTER_FILES, "users": USER_FILES}.get(section, ())
    whole = {**fields, **{name: str(base / fields[name]) for name in names if fields.get(name)}}
    helper = mapping(fields.get("exec"))
    if section == "users" and os.sep in str(helper.get("command") or ""):
        whole["exec"] = {**helper, "command": str(base / helper["command"])}
    return whole


def _in_pod() -> Kubeconfig | None:
    """What kubectl uses in a pod where no kubeconfig is: the pod's own account."""
    host, port = (os.environ.get(name) for name in POD_SERVER)
    if not host or not port or not (POD_ACCOUNT / "token").is_file():
        return None
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    cluster = {"server": server, "certificate-authority": str(POD_ACCOUNT / "ca.crt")}
    context = {"cluster": IN_POD, "user": IN_POD}
    return Kubeconfig(IN_POD, context, cluster, {"tokenFile": str(POD_ACCOUNT / "token")})


def _faults(one: Kubeconfig) -> Iterator[str]:
    """What kubectl refuses, and a client that did not would go on with: another cluster, or as somebody else."""
    cluster, user = one.cluster, one.user
    if not isinstance(cluster.get("server"), str) or not cluster["server"]:
        yield f"expected a cluster with a server, got {one.context.get('cluster') or 'none'}"
    for fields, names in ((cluster, CLUSTER_FILES), (user, USER_FILES)):
        yield from (
            f"expected {name} or {name}-data, got both"
            for name in names
            if fields.get(f"{name}-data") and fields.get(name)
        )
    if cluster.get("insecure-skip-tls-verify") and has_credential(cluster, "certificate-authority"):
        yield "expected insecure-skip-tls-verify or a certificate-authority, got both"
    if has_credential(user, "client-certificate") and not has_credential(user, "client-key"):
        yield "expected a client-key beside the client-certificate, got none"
    if user.get("token") and (user.get("username") or user.get("password")):
        yield "expected a token or a username with its password, got both"
    if user.get("exec") and user.get("auth-provider"):
        yield "expected a helper (exec) or an auth-provider, got both"
    if not user.get("as") and (alone := [name for name in IMPERSONATION if user.get(name)]):
        yield f"expected `as` beside {', '.join(alone)}, got none"


def has_credential(fields: Fields, kind: str) -> bool:
    """Whether an entry has a certificate or a key, by the file's name or as it is."""
    return bool(fields.get(kind) or fields.get(f"{kind}-data"))

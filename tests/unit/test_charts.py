"""Packing the stand-ins, with go and helm played by scripts, and asking repositories, played by a loopback server."""

import hashlib
import http.server
import tarfile
import threading
import urllib.error
import urllib.request

import pytest
import yaml

from base.errors import MeshlabError
from embedded.tools import toolchain
from meshlab.charts import repositories
from meshlab.charts import source as charts
from settings.charts import ChartSource

GO = """#!/bin/sh
# Answers as go would for the modules that lie in {modules} as <name>@<version>.
echo "$@" >> {log}
case "$1 $2" in
"mod download")
  dir="{modules}/$(basename "$4")"
  [ -d "$dir" ] || {{ echo '{{"Error": "not found: unknown revision"}}'; exit 1; }}
  echo "{{\\"Dir\\": \\"$dir\\"}}" ;;
"list -m") echo '{{"Versions": ["v0.58.0", "v0.59.0", "v0.85.0", "v0.86.0-rc.1"]}}' ;;
esac
"""
HELM = """#!/bin/sh
# helm package FOLDER --version V --app-version A --destination D
echo "$@" >> {log}
[ -e {broken} ] && echo 'Error: no chart here' >&2 && exit 1
echo "$6" > "$2/app-version"
tar czf "$8/$(basename "$2")-$4.tgz" -C "$(dirname "$2")" "$(basename "$2")"
"""
CRD = "example/prometheus-operator-crd/monitoring.coreos.com_probes.yaml"


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A machine with go, helm, three modules and the sources of the stand-ins."""
    modules = tmp_path / "modules"
    istio = modules / f"istio@{charts.ISTIO_VERSION}" / "manifests" / "charts"
    values = {"_internal_defaults_do_not_set": {"global": {"hub": "registry.example/testing", "tag": "latest"}}}
    _write(istio / "base" / "Chart.yaml", "name: base")
    _write(istio / "istio-control" / "istio-discovery" / "Chart.yaml", "name: istiod")
    _write(istio / "istio-control" / "istio-discovery" / "values.yaml", yaml.safe_dump(values))
    for version in ("v0.59.0", "v0.85.0", "v0.93.1"):
        _write(modules / f"prometheus-operator@{version}" / CRD, f"of: {version}")
    for name in charts.STAND_INS:
        _write(tmp_path / "sources" / name / "Chart.yaml", f"name: {name}")
    _write(tmp_path / "bin" / "go", GO.format(modules=modules, log=tmp_path / "go.log")).chmod(0o755)
    helm = _write(tmp_path / "helm", HELM.format(log=tmp_path / "helm.log", broken=tmp_path / "broken"))
    helm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(toolchain, "ensure", lambda names, progress: dict.fromkeys(names, helm))
    return tmp_path


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _pack(bench, wanted):
    return charts.pack_stand_ins(bench / "sources", wanted, lambda line: None)


def _read(package, member):
    with tarfile.open(package) as archive:
        return archive.extractfile(member).read().decode().strip()


def test_every_chart_of_the_program_is_packed_under_the_version_asked_for(bench):
    wanted = {"base": "1.17.6", "istiod": ["1.30.3", "1.17.6"], "kiali-operator": "1.59.1"}
    folder = _pack(bench, wanted)
    assert sorted(file.name for file in folder.glob("*.tgz")) == [
        "base-1.17.6.tgz",
        "istiod-1.17.6.tgz",
        "istiod-1.30.3.tgz",
        "kiali-operator-1.59.1.tgz",
    ]
    assert _read(folder / "kiali-operator-1.59.1.tgz", "kiali-operator/app-version") == "v1.59.1"


@pytest.mark.parametrize(("version", "hub"), [("1.17.6", "docker.io/istio"), ("1.30.3", "registry.istio.io/release")])
def test_istiods_images_are_those_of_the_release_that_it_stands_for(bench, version, hub):
    package = _pack(bench, {"istiod": version}) / f"istiod-{version}.tgz"
    values = yaml.safe_load(_read(package, "istiod/values.yaml"))
    assert values["_internal_defaults_do_not_set"]["global"] == {"hub": hub, "tag": version}


def test_the_operators_own_crds_go_into_both_charts_that_bring_crds(bench):
    folder = _pack(bench, {"prometheus-operator-crds": "31.0.1", "kube-prometheus-stack": "88.5.3"})
    crd = CRD.rsplit("/", 1)[1]
    crds, stack = folder / "prometheus-operator-crds-31.0.1.tgz", folder / "kube-prometheus-stack-88.5.3.tgz"
    assert _read(crds, f"prometheus-operator-crds/charts/crds/files/{crd}") == "of: v0.93.1"
    assert _read(stack, f"kube-prometheus-stack/charts/crds/crds/{crd}") == "of: v0.93.1"
    assert _read(stack, "kube-prometheus-stack/app-version") == "v0.93.1"


def test_the_closest_operator_replaces_one_not_served_and_is_announced(bench):
    wanted = {"prometheus-operator-crds": "0.1.0"}
    folder = _pack(bench, wanted)
    package = folder / "prometheus-operator-crds-0.1.0.tgz"
    assert _read(package, f"prometheus-operator-crds/charts/crds/files/{CRD.rsplit('/', 1)[1]}") == "of: v0.59.0"
    (sentence,) = charts.announce(folder, wanted)
    assert "prometheus-operator 0.59.0 (Go module), the closest served to 0.60.1." in sentence


@pytest.mark.parametrize(
    ("chart", "version", "operator"),
    [
        ("prometheus-operator-crds", "0.0.1", "0.59.0"),
        ("prometheus-operator-crds", "40.0.0", "0.93.1"),
        ("kube-prometheus-stack", "60.0.0", "0.59.0"),
        ("kube-prometheus-stack", "99.0.0", "0.93.1"),
    ],
)
def test_an_unlisted_version_has_the_operator_of_the_one_before_it(bench, chart, version, operator):
    (sentence,) = charts.announce(_pack(bench, {chart: version}), {chart: version})
    assert f"prometheus-operator {operator} (Go module)" in sentence


def test_what_stands_in_for_what_is_said_of_each_chart(bench):
    wanted = {"base": "1.17.6", "istiod": "1.17.6", "kiali-operator": "1.59.1"}
    base, istiod, kiali = charts.announce(_pack(bench, wanted), wanted)
    assert base.startswith(f"base 1.17.6 is Istio's own chart, but of the development version {charts.ISTIO_VERSION}")
    assert istiod.endswith("with the images docker.io/istio/*:1.17.6.")
    assert kiali.startswith("kiali-operator 1.59.1 is meshlab's own stand-in")


def test_a_chart_is_packed_once(bench):
    first = _pack(bench, {"base": "1.17.6"})
    again = _pack(bench, {"base": "1.17.6"})
    assert again == first
    assert len((bench / "helm.log").read_text().splitlines()) == 1


def test_the_folder_moves_with_the_sources_and_not_with_the_versions(bench):
    before = _pack(bench, {"kiali-operator": "1.59.1"})
    assert _pack(bench, {"kiali-operator": "2.29.0"}) == before
    _write(bench / "sources" / "kiali-operator" / "values.yaml", "changed: true")
    assert _pack(bench, {"kiali-operator": "1.59.1"}) != before


def test_a_failed_packing_leaves_no_chart_behind(bench):
    (bench / "broken").touch()
    with pytest.raises(MeshlabError, match=r"the chart base 1\.17\.6 cannot be packed: .*no chart here"):
        _pack(bench, {"base": "1.17.6"})
    (bench / "broken").unlink()
    assert [file.name for file in _pack(bench, {"base": "1.17.6"}).iterdir() if file.suffix == ".tgz"] == [
        "base-1.17.6.tgz"
    ]


def test_without_go_one_line_says_what_to_install(bench, monkeypatch):
    (bench / "bin" / "go").unlink()
    monkeypatch.setenv("PATH", str(bench / "bin"))
    with pytest.raises(charts.ChartSourceError, match=r"^packing the stand-in charts needs Go: install Go 1\.26"):
        _pack(bench, {"base": "1.17.6"})


def test_a_module_that_cannot_be_had_is_named_with_gos_reason(bench, monkeypatch):
    monkeypatch.setattr(charts, "ISTIO_VERSION", "v9.9.9")
    with pytest.raises(charts.ChartSourceError, match=r"Go module istio\.io/istio@v9\.9\.9, .*unknown revision"):
        _pack(bench, {"base": "1.17.6"})


def test_a_chart_without_a_stand_in_is_refused_by_name(bench):
    with pytest.raises(MeshlabError, match=r"no stand-in for the chart cilium: expected one of base, istiod"):
        _pack(bench, {"cilium": "1.0.0"})


class _Repository(http.server.BaseHTTPRequestHandler):
    """Serves /good/index.yaml, a sign-in page under /portal, nothing else; under /slow it waits for the test to end."""

    asked: list[str]
    release: threading.Event

    def do_GET(self):
        self.asked.append(self.path)
        if self.path.startswith("/slow"):
            self.release.wait()
        pages = {"/good/index.yaml": b"apiVersion: v1\nentries: {}\n", "/portal/index.yaml": b"<html>sign in</html>"}
        page = pages.get(self.path)
        self.send_response(200 if page else 404)
        self.end_headers()
        self.wfile.write(page or b"")

    def log_message(self, format, *args):
        pass


@pytest.fixture
def repository(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    _Repository.asked, _Repository.release = [], threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Repository)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    _Repository.release.set()
    server.shutdown()
    server.server_close()


def test_a_repository_that_serves_an_index_answers(repository):
    assert repositories.probe(ChartSource(f"{repository}/good/")) == [
        repositories.RepositoryStatus(f"{repository}/good/index.yaml", ok=True)
    ]


@pytest.mark.parametrize(
    ("path", "reason"), [("/missing", "HTTP 404"), ("/portal", "what answers is no chart repository")]
)
def test_what_serves_no_index_does_not_answer(repository, path, reason):
    (answer,) = repositories.probe(ChartSource(f"{repository}{path}"))
    assert (answer.ok, answer.reason) == (False, reason)


def test_nobody_on_the_port_does_not_answer(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.HTTPServer(("127.0.0.1", 0), _Repository) as closed:
        port = closed.server_port
    (answer,) = repositories.probe(ChartSource(f"http://127.0.0.1:{port}"))
    assert (answer.ok, answer.reason) == (False, "Connection refused")


def test_one_that_never_answers_holds_up_none_of_the_others(repository, monkeypatch):
    monkeypatch.setattr(
        repositories, "UPSTREAM", {"a": f"{repository}/slow", "b": f"{repository}/good", "c": f"{repository}/good"}
    )
    good, slow = repositories.probe(ChartSource(None), timeout=5.0)
    assert good.ok
    assert not slow.ok
    assert slow.reason in ("no answer within 5 s", "timed out")
    assert sorted(_Repository.asked) == ["/good/index.yaml", "/slow/index.yaml"]


def test_a_folder_of_charts_asks_nobody(tmp_path):
    assert repositories.probe(ChartSource(str(tmp_path))) == []


def test_a_registry_answers_even_where_it_asks_for_a_password(monkeypatch):
    def refuse(request, timeout):
        raise urllib.error.HTTPError(request.full_url, 401, "Unauthorized", {}, None)

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    assert repositories.probe(ChartSource("oci://registry.example/team/charts")) == [
        repositories.RepositoryStatus("https://registry.example/v2/", ok=True)
    ]


def test_a_release_from_a_folder_says_which_file_it_is_of(tmp_path):
    (tmp_path / "base-1.30.3.tgz").write_bytes(b"one")
    source = ChartSource(str(tmp_path))
    before = source.ref("base", "1.30.3")
    assert before["description"] == f"base-1.30.3.tgz sha256:{hashlib.sha256(b'one').hexdigest()}"
    (tmp_path / "base-1.30.3.tgz").write_bytes(b"other")
    assert source.ref("base", "1.30.3") != before
    assert "description" not in ChartSource().ref("base", "1.30.3")
    assert "description" not in ChartSource("oci://registry.test/charts").ref("base", "1.30.3")

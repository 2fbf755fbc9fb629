"""Whoever looks at a dashboard: what each query gives, and why an empty one is empty. Prometheus' answers are of its
HTTP API's documented form."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

import pytest

from meshlab.verify.dashboard import queries
from meshlab.verify.prometheus import Prometheus
from meshlab.verify.queries import Findings, Reader
from meshlab.verify.web import Web
from tests.verify.answers import Asked, serving

Answer = Callable[[str], Sequence[dict[str, Any]]]
VALUE = {"metric": {}, "value": [0, "1"], "values": [[0, "1"]]}
NAN = {"metric": {}, "value": [0, "NaN"], "values": [[0, "NaN"], [30, "NaN"]]}


@contextmanager
def prometheus(
    answer: Answer, names: Sequence[str] = ("up", "requests_total"), **values: list[str]
) -> Iterator[Prometheus]:
    """A Prometheus that answers expressions so, with these metrics, and these values of labels."""

    def vector(asked: Asked) -> Any:
        return {"status": "success", "data": {"resultType": "vector", "result": answer(asked.query["query"])}}

    routes = {
        "/api/v1/query": vector,
        "/api/v1/query_range": vector,
        "/api/v1/label/__name__/values": {"status": "success", "data": list(names)},
        **{f"/api/v1/label/{name}/values": {"status": "success", "data": data} for name, data in values.items()},
    }
    with serving(routes) as port:
        yield Prometheus(Web("Prometheus", lambda: HTTPConnection("127.0.0.1", port, timeout=5)))


def dashboard(expression: str, *variables: dict[str, Any], instant: bool = False) -> dict[str, Any]:
    """A dashboard of one panel in a collapsed row."""
    panel = {"title": "Requests", "targets": [{"refId": "A", "expr": expression, "instant": instant}, {"refId": "B"}]}
    row = {"type": "row", "panels": [panel]}
    return {"panels": [row], "templating": {"list": list(variables)}}


def read(
    answer: Answer, model: dict[str, Any], preferred: dict[str, str] | None = None, **values: list[str]
) -> Findings:
    with prometheus(answer, **values) as source:
        return Reader(source, preferred or {}).read(model)


@pytest.mark.parametrize("instant", [True, False])
def test_a_query_with_data_has_answered(instant: bool) -> None:
    findings = read(lambda expression: [VALUE], dashboard("rate(requests_total[5m])", instant=instant))
    assert (findings.total, findings.answered, findings.empty, findings.broken) == (1, 1, [], [])


def test_an_empty_query_is_named_with_the_metric_that_is_missing() -> None:
    findings = read(lambda expression: [], dashboard("rate(retries_total[5m]) / rate(requests_total[5m])"))
    assert findings.answered == 0
    assert findings.empty == [
        "Requests (A): metric retries_total is missing; no series of requests_total fits requests_total"
    ]


def test_an_empty_query_is_named_with_the_series_that_it_wants() -> None:
    findings = read(lambda expression: [], dashboard('requests_total{code=~"5.."}'))
    assert findings.empty == ['Requests (A): no series of requests_total fits requests_total{code=~"5.."}']


def test_a_query_of_metrics_that_are_there_can_be_empty_all_the_same() -> None:
    findings = read(
        lambda expression: [VALUE] if expression.startswith("count(") else [], dashboard("requests_total > 9")
    )
    assert findings.empty == ["Requests (A): its metrics are there, it gives no value"]


def test_nothing_but_nan_is_empty_and_not_broken() -> None:
    findings = read(lambda expression: [NAN], dashboard("rate(requests_total[5m])"))
    assert findings.empty == ["Requests (A): only NaN, for nothing happened that it could divide by"]


def test_a_job_that_has_no_target_is_a_fault_of_the_monitors() -> None:
    findings = read(lambda expression: [], dashboard('requests_total{job="pilot", code="200"}'))
    assert findings.broken == ['Requests (A): no target has job="pilot"']


def test_a_query_that_prometheus_refuses_is_broken() -> None:
    with prometheus(lambda expression: []) as source:
        reader = Reader(source, {})
        source._prefix = "/elsewhere"
        findings = reader.read(dashboard("requests_total"))
    assert findings.broken[0].startswith("Requests (A): Prometheus: GET /elsewhere/api/v1/query_range: HTTP 404")


def test_an_expression_that_only_prometheus_can_parse_is_not_judged() -> None:
    expression = "rate(requests_total{path=~`/api/\\d+`}[5m] offset 0s)"
    findings = read(lambda expression: [], dashboard(expression))
    assert findings.broken == []
    assert findings.empty == ["Requests (A): it gives no value, and this Prometheus tells no reason"]


def test_a_query_for_another_source_than_prometheus_is_no_query_here() -> None:
    model = dashboard("requests_total")
    panel = model["panels"][0]["panels"][0]
    panel["datasource"] = {"type": "datasource", "uid": "-- Mixed --"}
    panel["targets"] = [
        {"refId": "A", "expr": "requests_total", "datasource": {"type": "prometheus", "uid": "${source}"}},
        {"refId": "B", "expr": '{app="shop"} |= "error"', "datasource": {"type": "loki", "uid": "loki"}},
        {"refId": "C", "expr": "requests_total", "datasource": "Prometheus"},
    ]
    assert [query.ref for query in queries(model)] == ["A", "C"]
    panel["datasource"] = {"type": "loki", "uid": "loki"}
    panel["targets"] = [{"refId": "A", "expr": '{app="shop"} |= "error"'}]
    assert queries(model) == []


def test_variables_default_to_all_a_preference_or_the_first_value() -> None:
    asked: list[str] = []

    def answer(expression: str) -> list[dict[str, Any]]:
        asked.append(expression)
        return [VALUE]

    variables = (
        {"name": "source", "type": "datasource", "query": "prometheus", "current": {"value": "prometheus"}},
        {"name": "reporter", "type": "custom", "query": "server : destination", "current": {"value": "destination"}},
        {"name": "all", "type": "query", "includeAll": True, "query": "label_values(requests_total, all)"},
        {"name": "namespace", "type": "query", "query": {"query": "label_values(requests_total, namespace)"}},
        {"name": "app", "type": "query", "query": 'label_values(requests_total{namespace="$namespace"}, app)'},
    )
    model = dashboard(
        'requests_total{a=~"$all", n="${namespace}", p="$app", r="$reporter"}[$__rate_interval]', *variables
    )
    values = {"namespace": ["kube-system", "default"], "app": ["b", "c"]}
    read(answer, model, {"namespace": "default"}, **values)
    assert asked == ['requests_total{a=~".*", n="default", p="b", r="destination"}[2m]']


def test_a_variable_of_a_query_result_takes_what_its_regex_picks() -> None:
    variable = {
        "name": "workload",
        "type": "query",
        "query": {"query": "query_result(group by (workload) (requests_total))"},
        "regex": '/workload="([^"]+)"/',
    }
    asked: list[str] = []

    def answer(expression: str) -> list[dict[str, Any]]:
        asked.append(expression)
        return [{**VALUE, "metric": {"workload": "httpbin"}}, {**VALUE, "metric": {"other": "x"}}]

    read(answer, dashboard('requests_total{w="$workload"}', variable))
    assert asked[-1] == 'requests_total{w="httpbin"}'


def test_a_variable_that_offers_nothing_is_broken() -> None:
    variable = {"name": "namespace", "type": "query", "query": "label_values(requests_total, namespace)"}
    findings = read(lambda expression: [VALUE], dashboard("requests_total", variable), namespace=[])
    assert findings.broken == ["variable namespace offers nothing to pick"]


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ({"query": "metrics(.*)"}, "variable namespace: expected label_values(...) or query_result(...), got metrics"),
        ({"query": "query_result(up)", "regex": "/(?<text>.*)/"}, "unknown extension ?<t"),
        ({"query": ""}, "variable namespace: expected label_values(...)"),
    ],
)
def test_a_variable_of_a_form_that_only_grafana_knows_is_not_judged(variable: dict[str, Any], said: str) -> None:
    named = {"name": "namespace", "type": "query", **variable}
    findings = read(lambda expression: [VALUE], dashboard('requests_total{a="$namespace"}', named))
    assert (findings.total, findings.answered, findings.broken) == (2, 1, [])
    assert findings.empty[0].startswith("not looked at: ")
    assert said in findings.empty[0]


def test_a_variable_of_a_label_alone_takes_the_label_of_any_series() -> None:
    variable = {"name": "namespace", "type": "query", "query": "label_values(namespace)"}
    asked: list[str] = []

    def answer(expression: str) -> list[dict[str, Any]]:
        asked.append(expression)
        return [VALUE]

    read(answer, dashboard('requests_total{n="$namespace"}', variable), namespace=["default"])
    assert asked == ['requests_total{n="default"}']


def test_a_metric_by_alternatives_is_looked_for_by_each() -> None:
    findings = read(lambda expression: [], dashboard('sum({__name__=~"requests_total|other_total", a="b"})'))
    assert findings.empty == [
        'Requests (A): no series of requests_total fits requests_total{a="b"}; metric other_total is missing'
    ]

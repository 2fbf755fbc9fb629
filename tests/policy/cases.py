"""A good and a bad case for every way in which a rule can be broken. Both differ in that alone."""

import copy
import json
from typing import Any, NamedTuple

RELEASE = "kubernetes:helm.sh/v3:Release"
STRICT: dict[str, Any] = {}
OPEN = {"allowAnonymous": True}
SIZED = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": 1, "memory": "64Mi"}}
UNLIMITED = {"requests": SIZED["requests"], "limits": {"cpu": 1}}


class Case(NamedTuple):
    """What breaks a rule, what does not, and what is said of the first."""

    rule: str
    name: str
    good: Any
    bad: Any
    said: str
    settings: dict[str, Any] = STRICT


def release(chart: str = "kube-prometheus-stack", **over: Any) -> tuple[str, dict[str, Any]]:
    """A release as the program declares it."""
    inputs = {
        "name": "prom",
        "namespace": "prometheus",
        "chart": chart,
        "version": "88.5.3",
        "timeout": 900,
        "values": {},
        "repositoryOpts": {"repo": "https://charts.test"},
    }
    return RELEASE, {key: value for key, value in {**inputs, **over}.items() if value is not None}


def values(**content: Any) -> tuple[str, dict[str, Any]]:
    """A release with these values."""
    return release(values=content)


def thing(
    token: str, name: str = "thing", *, namespace: str = "prometheus", **content: Any
) -> tuple[str, dict[str, Any]]:
    """A Kubernetes object of the program."""
    content = copy.deepcopy(content)
    metadata = {"name": name, "namespace": namespace, **content.pop("metadata", {})}
    return f"kubernetes:{token}", {"metadata": metadata, **content}


def pods(spec: dict[str, Any] | None = None, **container: Any) -> tuple[str, dict[str, Any]]:
    """A Deployment with one container."""
    containers = [{"name": "main", "image": "docker.io/library/alpine:3.22", "resources": SIZED, **container}]
    return thing("apps/v1:Deployment", spec={"template": {"spec": {"containers": containers, **(spec or {})}}})


def role(*rules: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A ClusterRole."""
    return thing("rbac.authorization.k8s.io/v1:ClusterRole", rules=list(rules))


def operated(kind: str, **spec: Any) -> list[Any]:
    """What the Prometheus operator makes pods of, beside the release that brings it."""
    labels = {"labels": {"release": "prom"}}
    return [release(), thing(f"monitoring.coreos.com/v1:{kind}", metadata=labels, spec={"resources": SIZED, **spec})]


def reloaders(limit: str) -> tuple[str, dict[str, Any]]:
    """The operator's Deployment, with what it is told about the reloaders."""
    told = ["cpu-request=10m", f"cpu-limit={limit}", "memory-request=50Mi"]
    return pods(args=["--localhost=127.0.0.1", *(f"--config-reloader-{which}" for which in told)])


def injector(resources: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What istiod's injector goes by."""
    told = json.dumps({"global": {"proxy": {"resources": resources}}})
    return thing("core/v1:ConfigMap", "istio-sidecar-injector-1-30", data={"config": "templates: {}", "values": told})


def annotated(**annotations: str) -> tuple[str, dict[str, Any]]:
    """A workload whose pods tell the injector what their sidecar gets."""
    named = {f"sidecar.istio.io/{key}": value for key, value in annotations.items()}
    token, inputs = pods()
    inputs["spec"]["template"]["metadata"] = {"annotations": named}
    return token, inputs


def monitor(labels: dict[str, str], kind: str = "v1:ServiceMonitor", name: str = "mesh") -> list[Any]:
    """A monitor beside the release that is to find it."""
    return [release(), thing(f"monitoring.coreos.com/{kind}", name, metadata={"labels": labels})]


def namespace(name: str, **labels: str) -> list[Any]:
    """A namespace beside the release that Prometheus comes with."""
    named = {key.replace("__", "/").replace("_", "."): value for key, value in labels.items()}
    return [release(), ("kubernetes:core/v1:Namespace", {"metadata": {"name": name, "labels": named}})]


def ini(enabled: str, role: str = "Viewer") -> tuple[str, dict[str, Any]]:
    """Grafana's file as its chart writes it."""
    text = f"app_mode = production\n[auth.anonymous]\nenabled = {enabled}\norg_role = {role}\n[server]\n"
    return thing("core/v1:ConfigMap", data={"grafana.ini": text})


def anonymous(enabled: bool, **more: Any) -> tuple[str, dict[str, Any]]:
    """Grafana's section of a release's values."""
    return values(grafana={"grafana.ini": {"auth.anonymous": {"enabled": enabled, **more}}})


def kiali(strategy: str, **deployment: Any) -> tuple[str, dict[str, Any]]:
    """A Kiali object."""
    return thing(
        "kiali.io/v1alpha1:Kiali",
        spec={"auth": {"strategy": strategy}, "deployment": {"resources": SIZED, **deployment}},
    )


def alerts(**receiver: Any) -> tuple[str, dict[str, Any]]:
    """Alertmanager's configuration with one receiver, in a release's values."""
    return values(alertmanager={"config": {"receivers": [{"name": "team", **receiver}]}})


def sources(**secure: Any) -> dict[str, Any]:
    """A data source of Grafana."""
    return {"datasources": [{"name": "loki", "type": "loki", "secureJsonData": secure}]}


SOURCES = "datasources:\n- name: loki\n  type: loki\n  secureJsonData: {{httpHeaderValue1: '{}'}}\n"
"""The same as text."""

READS = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhYmMifQ.c2lnbmF0dXJl"
RANDOM = "Zk3vQ9xT1mB7cW5rYp2sLd8HfUg4JnAe"
"""Random characters; the tokens below are put together here, so that nobody takes this file for a leak."""
SLACK = "https://hooks.slack.com/services/" + f"T01234567/B01234567/{RANDOM[:24]}"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n"

CASES = [
    Case(
        "pinned-versions",
        "no version",
        release(),
        release(version=None),
        "version: expected an exact one such as 1.17.6, got none",
    ),
    Case(
        "pinned-versions",
        "a range",
        release(version="1.59.1"),
        release(version="1.59"),
        'got "1.59", which is a range to helm',
    ),
    Case(
        "pinned-versions",
        "any patch",
        release(version="88.5.3-rc.1"),
        release(version="~88.5.3"),
        'got "~88.5.3", which is a range',
    ),
    Case(
        "pinned-versions",
        "a file of another version",
        release("/charts/base-1.30.3.tgz", version="1.30.3"),
        release("/charts/base-1.17.6.tgz", version="1.30.3"),
        "chart: expected a file of version 1.30.3, got base-1.17.6.tgz",
    ),
    Case(
        "stack-timeout",
        "too short",
        release(timeout=600),
        release(timeout=599),
        "timeout: expected 600 seconds or more, got 599",
    ),
    Case(
        "stack-timeout",
        "none",
        release("kiali-operator", timeout=None),
        release(timeout=None),
        "got none, which is 300",
    ),
    Case(
        "stack-timeout",
        "from a file",
        release("/charts/kube-prometheus-stack-88.5.3.tgz"),
        release("/charts/kube-prometheus-stack-88.5.3.tgz", timeout=300),
        "timeout: expected 600 seconds or more, got 300",
    ),
    Case(
        "no-plain-secrets",
        "a password in values",
        values(grafana={"admin": {"existingSecret": "grafana-admin", "passwordKey": "admin-password"}}),
        values(grafana={"adminPassword": "hunter2"}),
        "values.grafana.adminPassword: expected no secret in plain sight; put it into a Secret and refer to that",
    ),
    Case(
        "no-plain-secrets",
        "one that is all digits",
        values(smtp={"password": "$__file{/etc/secrets/smtp}"}),
        values(smtp={"password": 12345678}),
        "values.smtp.password: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "one that only `up` knows",
        values(tokenFile="/etc/token"),
        values(token="<unknown>"),
        "values.token: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "a key in values",
        values(tls={"cert": "-----BEGIN CERTIFICATE-----\n"}),
        values(tls={"cert": KEY}),
        "values.tls.cert: expected no secret in plain sight, got a private key",
    ),
    Case(
        "no-plain-secrets",
        "a password in an address",
        values(remoteWrite=[{"url": "https://metrics.test/api"}]),
        values(remoteWrite=[{"url": "https://me:hunter2@metrics.test/api"}]),
        "values.remoteWrite[0].url: expected no secret in plain sight, got a password in an address",
    ),
    Case(
        "no-plain-secrets",
        "values in files",
        values(),
        release(valueYamlFiles=["more.yaml"]),
        "valueYamlFiles: expected every value",
    ),
    Case(
        "no-plain-secrets",
        "a variable",
        pods(env=[{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]),
        pods(env=[{"name": "DB_PASSWORD", "value": "hunter2"}]),
        "env[DB_PASSWORD].value: expected no secret in plain sight",
    ),
    Case(
        "no-plain-secrets",
        "an argument",
        pods(args=["--password=$(DB_PASSWORD)", "--token-file=/etc/token"]),
        pods(args=["--db-password=hunter2"]),
        "expected no secret among arguments, got one after db-password",
    ),
    Case(
        "no-plain-secrets",
        "a ConfigMap",
        thing("core/v1:ConfigMap", data={"PASSWORD_FILE": "/etc/password"}),
        thing("core/v1:ConfigMap", data={"PASSWORD": "hunter2"}),
        "data.PASSWORD: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "a file in a ConfigMap",
        thing("core/v1:ConfigMap", data={"app.ini": "[smtp]\nhost = mail.test\npassword = $__file{/etc/smtp}\n"}),
        thing("core/v1:ConfigMap", data={"app.ini": "[smtp]\nhost = mail.test\npassword = hunter2\n"}),
        'data."app.ini" (password): expected no secret',
    ),
    Case(
        "no-plain-secrets",
        "a web token",
        thing("core/v1:Secret", stringData={"note": TOKEN}),
        thing("core/v1:ConfigMap", data={"note": f"bearer {TOKEN}"}),
        "data.note: expected no secret in plain sight, got a JSON web token",
    ),
    Case(
        "no-plain-secrets",
        "a reference of Kiali",
        kiali("token", grafana={"auth": {"password": "secret:grafana-kiali:password"}}),
        kiali("token", grafana={"auth": {"password": "secret hunter2"}}),
        "spec.deployment.grafana.auth.password: expected no secret in plain sight",
    ),
    Case(
        "no-plain-secrets",
        "what only looks like a variable",
        values(a={"password": "$DB_PASSWORD"}, b={"password": "${DB}"}, c={"token": "Bearer $__env{LOKI}"}),
        values(a={"password": "$unter2!"}),
        "values.a.password: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "Slack for all of Alertmanager",
        values(alertmanager={"config": {"global": {"slack_api_url_file": "/etc/alertmanager/secrets/slack/url"}}}),
        values(alertmanager={"config": {"global": {"slack_api_url": SLACK}}}),
        "values.alertmanager.config.global.slack_api_url: expected no secret in plain sight",
    ),
    Case(
        "no-plain-secrets",
        "Slack for one receiver",
        alerts(slack_configs=[{"channel": "#a", "api_url_file": "/etc/alertmanager/secrets/slack/url"}]),
        alerts(slack_configs=[{"channel": "#a", "api_url": "https://proxy.test/slack"}]),
        "receivers[team].slack_configs[0].api_url: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "PagerDuty",
        alerts(victorops_configs=[{"routing_key": "team", "api_key_file": "/etc/victorops"}]),
        alerts(pagerduty_configs=[{"routing_key": "hunter2"}]),
        "receivers[team].pagerduty_configs[0].routing_key: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "PagerDuty as it was",
        alerts(pagerduty_configs=[{"service_key_file": "/etc/pagerduty"}]),
        alerts(pagerduty_configs=[{"service_key": "hunter2"}]),
        "receivers[team].pagerduty_configs[0].service_key: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "a webhook with a token",
        alerts(webhook_configs=[{"url": "https://bot.test/alerts?room=ops&token=${BOT_TOKEN}"}]),
        alerts(webhook_configs=[{"url": "https://bot.test/alerts?room=ops&token=hunter2hunter2"}]),
        "receivers[team].webhook_configs[0].url: expected no secret in plain sight, got a secret in an address",
    ),
    Case(
        "no-plain-secrets",
        "Teams",
        alerts(msteams_configs=[{"webhook_url_file": "/etc/teams"}]),
        alerts(msteams_configs=[{"webhook_url": "https://shop.webhook.office.com/webhookb2/hunter2"}]),
        "receivers[team].msteams_configs[0].webhook_url: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "Discord, under any key",
        alerts(webhook_configs=[{"url": "https://discord.com/developers/docs"}]),
        alerts(webhook_configs=[{"url": "https://discord.com/api/webhooks/1/hunter2"}]),
        "url: expected no secret in plain sight, got an address that lets anybody post",
    ),
    Case(
        "no-plain-secrets",
        "Opsgenie",
        values(alertmanager={"config": {"global": {"opsgenie_api_url": "https://api.eu.opsgenie.com"}}}),
        values(alertmanager={"config": {"global": {"opsgenie_api_key": "hunter2"}}}),
        "global.opsgenie_api_key: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "mail",
        values(alertmanager={"config": {"global": {"smtp_auth_username": "ops", "smtp_auth_password_file": "/x"}}}),
        values(alertmanager={"config": {"global": {"smtp_auth_username": "ops", "smtp_auth_password": "hunter2"}}}),
        "global.smtp_auth_password: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "Alertmanager's configuration as text",
        values(
            alertmanager={"stringConfig": "receivers:\n- name: a\n  pagerduty_configs:\n  - routing_key_file: /x\n"}
        ),
        values(
            alertmanager={"stringConfig": "receivers:\n- name: a\n  pagerduty_configs:\n  - routing_key: hunter2\n"}
        ),
        "values.alertmanager.stringConfig (routing_key): expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "a data source",
        values(grafana={"datasources": {"loki.yaml": sources(httpHeaderValue1="$__file{/etc/loki/header}")}}),
        values(grafana={"datasources": {"loki.yaml": sources(httpHeaderValue1="hunter2")}}),
        "datasources[loki].secureJsonData.httpHeaderValue1: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "a data source in a file",
        thing("core/v1:ConfigMap", data={"loki.yaml": f"# text\n{json.dumps(sources(httpHeaderValue1='${HEADER}'))}"}),
        thing("core/v1:ConfigMap", data={"loki.yaml": f"# text\n{json.dumps(sources(httpHeaderValue1='hunter2'))}"}),
        'data."loki.yaml" (datasources[loki].secureJsonData.httpHeaderValue1): expected no secret',
    ),
    Case(
        "no-plain-secrets",
        "a data source beside a day that there is not and a bare sign",
        thing("core/v1:ConfigMap", data={"loki.yaml": f"day: 2023-02-30\nsign: =\n{SOURCES.format('${HEADER}')}"}),
        thing("core/v1:ConfigMap", data={"loki.yaml": f"day: 2023-02-30\nsign: =\n{SOURCES.format('hunter2')}"}),
        'data."loki.yaml" (datasources[loki].secureJsonData.httpHeaderValue1): expected no secret',
    ),
    Case(
        "no-plain-secrets",
        "a file with what is no number to PyYAML",
        thing("core/v1:ConfigMap", data={"loki.yaml": "kind: Secret\nsize: 0x_\npassword: ${PASSWORD}\n"}),
        thing("core/v1:ConfigMap", data={"loki.yaml": "kind: Secret\nsize: 0x_\npassword: hunter2\n"}),
        'data."loki.yaml" (password): expected no secret',
    ),
    Case(
        "no-plain-secrets",
        "remote write",
        values(remoteWrite=[{"basicAuth": {"password": {"name": "metrics", "key": "password"}}}]),
        values(remoteWrite=[{"basicAuth": {"password": "hunter2"}}]),
        "values.remoteWrite[0].basicAuth.password: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "remote write by a header",
        values(remoteWrite=[{"headers": {"X-Scope-OrgID": "shop"}, "authorization": {"type": "Bearer"}}]),
        values(remoteWrite=[{"headers": {"Authorization": "Bearer hunter2"}}]),
        "values.remoteWrite[0].headers.Authorization: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "a bearer token",
        values(remoteWrite=[{"bearerTokenFile": "/etc/token"}]),
        values(remoteWrite=[{"bearerToken": "hunter2"}]),
        "values.remoteWrite[0].bearerToken: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "what a chart makes a Secret of",
        values(grafana={"envValueFrom": {"LOKI": {"secretKeyRef": {"name": "loki", "key": "user"}}}}),
        values(grafana={"envRenderSecret": {"LOKI": "hunter2"}}),
        "values.grafana.envRenderSecret.LOKI: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "another Secret of the stack's",
        values(alertmanager={"extraSecret": {"name": "more", "data": {}}}),
        values(alertmanager={"extraSecret": {"name": "more", "data": {"auth": "hunter2"}}}),
        "values.alertmanager.extraSecret.data.auth: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "a whole Secret in values",
        values(extraManifests=[{"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"user": "ops"}}]),
        values(extraManifests=[{"kind": "Secret", "metadata": {"name": "a"}, "stringData": {"user": "hunter2"}}]),
        "values.extraManifests[0].stringData.user: expected no secret",
    ),
    Case(
        "no-plain-secrets",
        "a token by its shape",
        values(note="ghp_token, as they are called"),
        values(note="use ghp_" + f"{RANDOM}1234"),
        "values.note: expected no secret in plain sight, got what looks like: GitHub Token",
    ),
    Case(
        "no-plain-secrets",
        "random characters",
        values(image={"digest": RANDOM, "repository": "registry.test/shop/prometheus-operator/config-reloader"}),
        values(extra={"metricsUser": RANDOM}),
        "values.extra.metricsUser: expected no secret in plain sight, got random characters",
    ),
    Case(
        "no-plain-secrets",
        "an argument and what follows",
        pods(args=["--token", "--verbose", "--password", "$(DB_PASSWORD)"]),
        pods(args=["--password", "hunter2"]),
        "containers[main].args[0]: expected no secret among arguments, got one after password",
    ),
    Case(
        "no-plain-secrets",
        "an annotation",
        thing("core/v1:Service", metadata={"annotations": {"about": "https://docs.test/?version=12345678"}}),
        thing("core/v1:Service", metadata={"annotations": {"about": "https://docs.test/?api_key=hunter2hunter2"}}),
        "metadata.annotations.about: expected no secret in plain sight, got a secret in an address",
    ),
    Case(
        "no-latest",
        "an image",
        pods(),
        pods(image="docker.io/library/alpine:latest"),
        "image: expected an exact version, got docker.io",
    ),
    Case(
        "no-latest",
        "unsaid",
        pods(image=f"registry.test:5000/alpine@sha256:{'0' * 64}"),
        pods(image="registry.test:5000/alpine"),
        "containers[main].image: expected a tag or a digest, got registry.test:5000/alpine",
    ),
    Case(
        "no-latest",
        "a tag in values",
        values(image={"tag": "v1.2.3"}),
        values(image={"tag": "latest"}),
        "values.image.tag: expected an exact",
    ),
    Case(
        "no-latest",
        "a custom resource",
        kiali("token", image_version="v2.29.0"),
        kiali("token", image_version="latest"),
        "spec.deployment.image_version: expected an exact version, got latest",
    ),
    Case("no-anonymous-access", "Grafana's values", anonymous(False), anonymous(True), "setting policy.allowAnonymous"),
    Case(
        "no-anonymous-access",
        "Grafana's file",
        ini("false"),
        ini("true"),
        '"grafana.ini" [auth.anonymous]: expected sign-in for every user',
    ),
    Case(
        "no-anonymous-access",
        "Grafana's variables",
        values(grafana={"env": {"GF_AUTH_ANONYMOUS_ENABLED": "false"}}),
        values(grafana={"env": {"GF_AUTH_ANONYMOUS_ENABLED": "true"}}),
        "values.grafana.env.GF_AUTH_ANONYMOUS_ENABLED: expected sign-in for every user",
    ),
    Case(
        "no-anonymous-access",
        "a container's variables",
        pods(env=[{"name": "GF_AUTH_ANONYMOUS_ENABLED", "value": "false"}]),
        pods(env=[{"name": "GF_AUTH_ANONYMOUS_ENABLED", "value": "true"}]),
        "env[GF_AUTH_ANONYMOUS_ENABLED]: expected sign-in for every user",
    ),
    Case(
        "no-anonymous-access",
        "Kiali",
        kiali("token"),
        kiali("anonymous", view_only_mode=True),
        "spec.auth.strategy: expected sign-in for every user",
    ),
    Case(
        "no-anonymous-access",
        "Kiali's chart",
        release("kiali-operator", values={"cr": {"spec": {"auth": {"strategy": "openid"}}}}),
        release("kiali-operator", values={"cr": {"spec": {"auth": {"strategy": "anonymous"}}}}),
        "values.cr.spec.auth.strategy: expected sign-in for every user",
    ),
    Case(
        "no-anonymous-access",
        "Grafana, more than a look",
        anonymous(True),
        anonymous(True, org_role="Editor"),
        "to look only",
        OPEN,
    ),
    Case("no-anonymous-access", "its file, more than a look", ini("true"), ini("true", "Admin"), "to look only", OPEN),
    Case(
        "no-anonymous-access",
        "Kiali, more than a look",
        kiali("anonymous", view_only_mode=True),
        kiali("anonymous"),
        "to look only",
        OPEN,
    ),
    Case(
        "host-access",
        "a privileged container",
        pods(securityContext={"privileged": False, "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}}),
        pods(securityContext={"privileged": True}),
        "containers[main].securityContext.privileged: expected no access to the node, got privileged",
    ),
    Case(
        "host-access",
        "a capability",
        pods(),
        pods(securityContext={"capabilities": {"add": ["NET_ADMIN"]}}),
        "got capability NET_ADMIN",
    ),
    Case(
        "host-access",
        "the node's network",
        pods({"hostNetwork": False}),
        pods({"hostNetwork": True}),
        "got hostNetwork",
    ),
    Case("host-access", "the node's processes", pods(), pods({"hostPID": True}), "got hostPID"),
    Case(
        "host-access",
        "a path of the node",
        pods({"volumes": [{"name": "run", "emptyDir": {}}]}),
        pods({"volumes": [{"name": "run", "hostPath": {"path": "/var/run"}}]}),
        "volumes[run].hostPath: expected no access to the node, got hostPath /var/run",
    ),
    Case(
        "host-access",
        "values",
        values(grafana={"extraEmptyDirMounts": [{"name": "x", "mountPath": "/x"}]}),
        values(grafana={"extraVolumes": [{"name": "x", "hostPath": {"path": "/etc"}}]}),
        "values.grafana.extraVolumes[x].hostPath: expected no access to the node, got hostPath /etc",
    ),
    Case(
        "host-access",
        "more than is listed",
        thing(
            "apps/v1:DaemonSet", "prom-prometheus-node-exporter", spec={"volumes": [{"hostPath": {"path": "/proc"}}]}
        ),
        thing("apps/v1:DaemonSet", "prom-prometheus-node-exporter", spec={"volumes": [{"hostPath": {"path": "/etc"}}]}),
        "got hostPath /etc",
    ),
    Case(
        "rbac-wildcards",
        "every verb",
        role(READS),
        role({**READS, "verbs": ["*"]}),
        "rules[0]: expected rights that are spelled out, got every verb on apps/deployments",
    ),
    Case(
        "rbac-wildcards",
        "every resource",
        role(READS),
        role(READS, {**READS, "resources": ["*"]}),
        "rules[1]: expected rights that are spelled out, got every resource of apps",
    ),
    Case("rbac-wildcards", "every group", role(READS), role({**READS, "apiGroups": ["*"]}), "got every API group"),
    Case(
        "rbac-wildcards",
        "every address",
        role({"nonResourceURLs": ["/metrics"], "verbs": ["get"]}),
        role({"nonResourceURLs": ["*"], "verbs": ["get"]}),
        "got every address or verb of the API server",
    ),
    Case(
        "rbac-wildcards",
        "cluster-admin",
        thing("rbac.authorization.k8s.io/v1:ClusterRoleBinding", roleRef={"kind": "ClusterRole", "name": "view"}),
        thing(
            "rbac.authorization.k8s.io/v1:ClusterRoleBinding", roleRef={"kind": "ClusterRole", "name": "cluster-admin"}
        ),
        "roleRef: expected rights that are spelled out, got the role cluster-admin",
    ),
    Case(
        "rbac-wildcards",
        "values",
        values(grafana={"rbac": {"extraRoleRules": [READS]}}),
        values(grafana={"rbac": {"extraRoleRules": [{**READS, "verbs": ["*"]}]}}),
        "values.grafana.rbac.extraRoleRules[0]: expected rights that are spelled out",
    ),
    Case(
        "requests-and-limits",
        "a container",
        pods(),
        pods(resources=UNLIMITED),
        "spec.template.spec.containers[main].resources: expected requests and limits of cpu and memory, "
        "got no limits.memory",
    ),
    Case(
        "requests-and-limits",
        "a container that starts first",
        pods({"initContainers": [{"name": "first", "image": "docker.io/library/alpine:3.22", "resources": SIZED}]}),
        pods({"initContainers": [{"name": "first", "image": "docker.io/library/alpine:3.22"}]}),
        "initContainers[first].resources: expected requests and limits of cpu and memory, got no requests.cpu, no",
    ),
    Case(
        "requests-and-limits",
        "a whole pod",
        pods({"resources": SIZED}, resources={}),
        pods({"resources": {"limits": SIZED["limits"]}}, resources={}),
        "containers[main].resources: expected",
    ),
    Case(
        "requests-and-limits",
        "nothing as an amount",
        pods(),
        pods(resources={**SIZED, "limits": {"cpu": "0", "memory": "64Mi"}}),
        "got no limits.cpu (",
    ),
    Case(
        "requests-and-limits",
        "helm's test",
        thing("core/v1:Pod", metadata={"annotations": {"helm.sh/hook": "test"}}, spec={"containers": [{"name": "x"}]}),
        thing(
            "core/v1:Pod",
            metadata={"annotations": {"helm.sh/hook": "pre-install"}},
            spec={"containers": [{"name": "x"}]},
        ),
        "spec.containers[x].resources: expected",
    ),
    Case(
        "requests-and-limits",
        "Prometheus",
        operated("Prometheus", containers=[{"name": "config-reloader"}]),
        operated("Prometheus", resources={}),
        "spec.resources: expected requests and limits of cpu and memory, got no requests.cpu",
    ),
    Case(
        "requests-and-limits",
        "a container beside Alertmanager",
        operated("Alertmanager", containers=[{"name": "proxy", "resources": SIZED}]),
        operated("Alertmanager", containers=[{"name": "proxy"}]),
        "spec.containers[proxy].resources: expected",
    ),
    Case(
        "requests-and-limits",
        "Thanos beside Prometheus",
        operated("Prometheus", thanos={"resources": SIZED}),
        operated("Prometheus", thanos={"version": "v0.42.4"}),
        "spec.thanos.resources: expected",
    ),
    Case(
        "requests-and-limits",
        "the reloaders",
        reloaders("100m"),
        reloaders("0"),
        "containers[main].args of the config-reloaders: expected requests and limits of cpu and memory, "
        "got no limits.cpu (",
    ),
    Case(
        "requests-and-limits",
        "Kiali",
        kiali("token"),
        kiali("token", resources=None),
        "spec.deployment.resources: expected",
    ),
    Case(
        "requests-and-limits",
        "sidecars",
        injector(SIZED),
        injector(UNLIMITED),
        "data.values global.proxy.resources: expected requests and limits of cpu and memory, got no limits.memory",
    ),
    Case(
        "requests-and-limits",
        "the sidecar of one workload",
        annotated(proxyCPU="1", proxyMemory="1Gi", proxyCPULimit="2", proxyMemoryLimit="2Gi"),
        annotated(proxyCPU="1", proxyMemory="1Gi", proxyCPULimit="2"),
        "template.metadata.annotations of the sidecar: expected requests and limits of cpu and memory, "
        "got no limits.memory",
    ),
    Case(
        "monitor-label",
        "no label",
        monitor({"release": "prom"}),
        monitor({}),
        "metadata.labels.release: expected prom, got nothing",
    ),
    Case(
        "monitor-label",
        "another release",
        monitor({"release": "prom"}),
        monitor({"release": "mesh"}),
        "expected prom, got mesh",
    ),
    Case(
        "monitor-label",
        "a pod monitor",
        monitor({"release": "prom"}, "v1:PodMonitor"),
        monitor({}, "v1:PodMonitor"),
        "expected prom, got nothing",
    ),
    Case(
        "monitor-label",
        "rules",
        monitor({"release": "prom"}, "v1:PrometheusRule"),
        monitor({"app": "mesh"}, "v1:PrometheusRule"),
        "expected prom, got nothing",
    ),
    Case(
        "monitor-label",
        "a listed one that has it wrong",
        monitor({}, name="prom-grafana"),
        monitor({"release": "x"}, name="prom-grafana"),
        "got x",
    ),
    Case(
        "prometheus-outside-mesh",
        "its namespace follows a revision",
        namespace("default", istio_io__rev="1-30"),
        namespace("prometheus", istio_io__rev="1-30"),
        "metadata.labels.istio.io/rev: expected none where Prometheus runs, got 1-30",
    ),
    Case(
        "prometheus-outside-mesh",
        "its namespace asks for injection",
        [
            release(),
            (
                "kubernetes:core/v1:Namespace",
                {"metadata": {"name": "prometheus", "labels": {"istio-injection": "disabled"}}},
            ),
        ],
        [
            release(),
            (
                "kubernetes:core/v1:NamespacePatch",
                {"metadata": {"name": "prometheus", "labels": {"istio-injection": "enabled"}}},
            ),
        ],
        "metadata.labels.istio-injection: expected none or disabled where Prometheus runs, got enabled",
    ),
    Case(
        "prometheus-outside-mesh",
        "its pods ask for a sidecar",
        [values(prometheus={"prometheusSpec": {"podMetadata": {"labels": {"sidecar.istio.io/inject": "false"}}}})],
        [values(prometheus={"prometheusSpec": {"podMetadata": {"labels": {"sidecar.istio.io/inject": "true"}}}})],
        'podMetadata.labels."sidecar.istio.io/inject": expected no sidecar where Prometheus runs, got true',
    ),
    Case(
        "prometheus-outside-mesh",
        "every namespace is meshed",
        [release(), release("istiod", name="istiod", namespace="istio-system")],
        [
            release(),
            release(
                "istiod",
                name="istiod",
                namespace="istio-system",
                values={"sidecarInjectorWebhook": {"enableNamespacesByDefault": True}},
            ),
        ],
        "values.sidecarInjectorWebhook.enableNamespacesByDefault: expected false, got true",
    ),
]

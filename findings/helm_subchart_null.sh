#!/usr/bin/env bash
# A `null` with which a chart takes a default away from its subchart works in helm 3 and does nothing in helm 4.
#
# Packages: helm.sh/helm/v3 v3.22.0 and helm.sh/helm/v4 v4.3.0 (Go modules), both as the program helm.
# Expected: one chart gives the same manifests in both. `null` in a values file removes a default, be the file the chart's
#           own values.yaml, which is laid over those of its subcharts, or one of the user's.
# Seen:     helm 4 removes what the user's file has as null, but with null in the chart's own values.yaml the subchart
#           keeps its default: here the CPU's limit and the HTTP probe come back, beside the TCP probe that was to replace
#           it, and Kubernetes refuses a probe with two handlers. No warning, and `helm lint` is green. A null in the
#           chart's values for itself is gone as well: `hasKey` is true in helm 3 and false in helm 4.
# Way out:  give the nulls as a values file (`-f`) until helm 4 reads both alike; helm/helm issue 32132.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
GOBIN=$work/3 go install helm.sh/helm/v3/cmd/helm@v3.22.0 2> install.log || { cat install.log; exit 1; }
GOBIN=$work/4 go install helm.sh/helm/v4/cmd/helm@v4.3.0 2> install.log || { cat install.log; exit 1; }
export HELM_CACHE_HOME=$work/cache HELM_CONFIG_HOME=$work/config HELM_DATA_HOME=$work/data

mkdir -p app/templates app/charts/web/templates
cat > app/Chart.yaml <<'YAML'
apiVersion: v2
name: app
version: 1.0.0
dependencies: [{name: web, version: 1.0.0}]
YAML
cat > nulls.yaml <<'YAML'
own: null
web:
  limits: {cpu: null}
  probe:
    httpGet: null
    tcpSocket: {port: 8080}
YAML
cat > app/templates/own.yaml <<'YAML'
own: {{ hasKey .Values "own" }}
YAML
cat > app/charts/web/Chart.yaml <<'YAML'
apiVersion: v2
name: web
version: 1.0.0
YAML
cat > app/charts/web/values.yaml <<'YAML'
limits: {cpu: 500m, memory: 64Mi}
probe:
  httpGet: {path: /healthz, port: 8080}
YAML
cat > app/charts/web/templates/web.yaml <<'YAML'
limits: {{ toJson .Values.limits }}
probe: {{ toJson .Values.probe }}
YAML

# The lines of the chart, with each helm; the arguments are more of helm's.
rendered() {
	for helm in 3 4; do
		"$work/$helm/helm" template demo ./app "$@" | grep -v -e '^#' -e '^---' -e '^$' | sort > "$helm.out"
		sed "s/^/  helm $helm: /" "$helm.out"
	done
}

for helm in 3 4; do go version -m "$work/$helm/helm" | awk '$1 == "mod" {print $2, $3}'; done
cat > removed.out <<'TEXT'
limits: {"memory":"64Mi"}
probe: {"tcpSocket":{"port":8080}}
TEXT
cat > kept.out <<'TEXT'
limits: {"cpu":"500m","memory":"64Mi"}
probe: {"httpGet":{"path":"/healthz","port":8080},"tcpSocket":{"port":8080}}
TEXT

echo "the nulls in the chart's own values.yaml:"
cp nulls.yaml app/values.yaml
rendered
diff <(cat removed.out <(echo 'own: true') | sort) 3.out
diff <(cat kept.out <(echo 'own: false') | sort) 4.out
"$work/4/helm" lint ./app > lint.out 2>&1

echo "the nulls in a file of the user's:"
echo '{}' > app/values.yaml
rendered -f nulls.yaml
diff removed.out <(grep -v '^own' 3.out)
diff removed.out <(grep -v '^own' 4.out)
echo "as before: helm 4 ignores the chart's own nulls for its subchart"

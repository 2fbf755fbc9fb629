#!/usr/bin/env bash
# `kubectl apply -f` and `kubectl apply -k` make two objects of one file, where `<<` stands below a key that it has.
#
# Packages: k8s.io/kubectl v0.34.4 with kustomize built in; helm.sh/helm/v4 v4.3.0; promtool of
#           github.com/prometheus/prometheus v0.313.1 (Go modules).
# Expected: a key that is written in a mapping wins over the one that `<<` merges into it, wherever `<<` stands: so says
#           the description of YAML's merge key.
# Seen:     kubectl -f and helm lay what is merged over the keys before it: `level: debug` above `<<: *base` becomes the
#           level of base, and below it stays debug. kubectl -k keeps debug in both. Prometheus keeps it in a file of rules, and
#           in its configuration it does as helm for a job's settings, and for a map of labels refuses both orders ("key
#           already set in map"). Where the order counts, nothing warns.
# Way out:  write `<<` first; in a map of labels in Prometheus' configuration, do not override at all.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

mkdir kubectl
cat > kubectl/go.mod <<'MOD'
module finding

go 1.26.0

require (
	k8s.io/component-base v0.34.4
	k8s.io/kubectl v0.34.4
)
MOD
cat > kubectl/main.go <<'GO'
package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}
GO
mkdir bin promtool
cat > promtool/go.mod <<'MOD'
module finding

go 1.26.0
MOD
(
	cd kubectl
	go mod tidy
	go build -o ../bin/kubectl .
	cd ../promtool
	go get -tool github.com/prometheus/prometheus/cmd/promtool@v0.313.1
	go build -tags remove_all_sd -o ../bin/promtool github.com/prometheus/prometheus/cmd/promtool
	GOBIN=$work/bin go install helm.sh/helm/v4/cmd/helm@v4.3.0
) > build.log 2>&1 || { cat build.log; exit 1; }
export PATH=$work/bin:$PATH HELM_CACHE_HOME=$work/cache HELM_CONFIG_HOME=$work/config HELM_DATA_HOME=$work/data
for built in kubectl:k8s.io/kubectl helm:helm.sh/helm/v4 promtool:github.com/prometheus/prometheus; do
	go version -m "bin/${built%%:*}" | awk -v module="${built#*:}" '$2 == module && $3 {print $2, $3}'
done

# The files of one order; `first` and `second` are the two lines of each mapping.
write() {
	local first=$1 second=$2
	mkdir -p app/chart/templates
	cat > app/object.yaml <<-YAML
		apiVersion: v1
		kind: ConfigMap
		metadata:
		  name: web
		  annotations: &base {level: info}
		data:
		  ${first/KEY/level: debug}
		  ${second/KEY/level: debug}
	YAML
	echo 'resources: [object.yaml]' > app/kustomization.yaml
	printf 'apiVersion: v2\nname: web\nversion: 1.0.0\n' > app/chart/Chart.yaml
	echo 'level: {{ .Values.web.level }}' > app/chart/templates/web.yaml
	cat > app/values.yaml <<-YAML
		base: &base {level: info}
		web:
		  ${first/KEY/level: debug}
		  ${second/KEY/level: debug}
	YAML
	cat > app/rules.yaml <<-YAML
		groups:
		  - name: web
		    rules:
		      - alert: First
		        expr: vector(1)
		        labels: &base {level: info}
		      - alert: Second
		        expr: vector(1)
		        labels:
		          ${first/KEY/level: debug}
		          ${second/KEY/level: debug}
	YAML
	cat > app/test.yaml <<-YAML
		rule_files: [rules.yaml]
		tests:
		  - alert_rule_test:
		      - {alertname: Second, eval_time: 1m, exp_alerts: [{exp_labels: {level: debug}}]}
	YAML
	cat > app/jobs.yaml <<-YAML
		scrape_configs:
		  - &base
		    job_name: info
		    static_configs: [{targets: ["127.0.0.1:9090"]}]
		  - ${first/KEY/job_name: debug}
		    ${second/KEY/job_name: debug}
	YAML
	cat > app/labels.yaml <<-YAML
		scrape_configs:
		  - job_name: web
		    static_configs:
		      - {targets: ["127.0.0.1:9090"], labels: &base {level: info}}
		      - targets: ["127.0.0.1:9091"]
		        labels:
		          ${first/KEY/level: debug}
		          ${second/KEY/level: debug}
	YAML
}

# Of promtool's lines, what became of the second rule or job; two jobs of one name are an error.
answer() {
	grep -oE 'SUCCESS|got:.*level="info"|with job name "info"|already set in map' | sed 's/SUCCESS/debug/; s/.*"info"/info/'
}

# The level that each program takes. `kubectl label --local` reads files as apply does, and needs no API server.
ask() {
	echo "kubectl -f: $(kubectl label --local -f app/object.yaml seen=yes -o 'jsonpath={.data.level}')"
	echo "kubectl -k: $(kubectl label --local -k app seen=yes -o 'jsonpath={.data.level}')"
	echo "helm, values: $(helm template web app/chart -f app/values.yaml | sed -n 's/^level: //p')"
	echo "Prometheus, labels of a rule: $(promtool test rules app/test.yaml 2>&1 | answer)"
	echo "Prometheus, name of a job: $(promtool check config app/jobs.yaml 2>&1 | answer)"
	echo "Prometheus, labels of a job: $(promtool check config app/labels.yaml 2>&1 | answer)"
}

write KEY '<<: *base'
ask > key_first.out
write '<<: *base' KEY
ask > merge_first.out
echo "'debug' is written above '<<', which brings 'info':"
sed 's/^/  /' key_first.out
echo "below it:"
sed 's/^/  /' merge_first.out

diff key_first.out - <<'TEXT'
kubectl -f: info
kubectl -k: debug
helm, values: info
Prometheus, labels of a rule: debug
Prometheus, name of a job: info
Prometheus, labels of a job: already set in map
TEXT
diff merge_first.out - <<'TEXT'
kubectl -f: debug
kubectl -k: debug
helm, values: debug
Prometheus, labels of a rule: debug
Prometheus, name of a job: debug
Prometheus, labels of a job: already set in map
TEXT

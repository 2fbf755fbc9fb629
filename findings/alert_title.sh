#!/usr/bin/env bash
# The template function `title` keeps KubeAPIDown in a rule of Prometheus and makes Kubeapidown of it in Alertmanager.
#
# Packages: promtool of github.com/prometheus/prometheus v0.313.1, amtool of github.com/prometheus/alertmanager v0.33.1
#           (Go modules). Each has the functions of its server.
# Expected: one text, and the other letters left alone: the reference of either says that the first letter of each word
#           becomes a capital, and Alertmanager's points at Go's strings.Title, which changes nothing else.
# Seen:     Alertmanager also makes all other letters small. Names of alerts lose the capitals by which one reads them,
#           and `{{ .CommonLabels.alertname | title }}` in a notification is a name that no search for the alert finds.
# Way out:  in Alertmanager, leave names as they are, or change texts with reReplaceAll.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf 'module finding\n\ngo 1.26.0\n' > go.mod
(
	go get -tool github.com/prometheus/prometheus/cmd/promtool@v0.313.1
	go build -tags remove_all_sd -o promtool github.com/prometheus/prometheus/cmd/promtool
	GOBIN=$work go install github.com/prometheus/alertmanager/cmd/amtool@v0.33.1
) > build.log 2>&1 || { cat build.log; exit 1; }
go version -m promtool amtool | awk '$1 == "mod" {print $2, $3}'

# What Prometheus makes of it: the annotation of an alert that fires, which a test that expects none shows.
prometheus() {
	cat > rules.yaml <<-YAML
		groups:
		  - name: web
		    rules:
		      - alert: Web
		        expr: vector(1)
		        annotations: {summary: '[{{ "$1" | title }}]'}
	YAML
	cat > test.yaml <<-YAML
		rule_files: [rules.yaml]
		tests:
		  - alert_rule_test: [{alertname: Web, eval_time: 1m}]
	YAML
	! ./promtool test rules test.yaml > test.out 2>&1
	grep -oE 'summary="\[.*\]"' test.out | sed 's/^summary="\[//; s/\]"$//'
}

alertmanager() {
	./amtool template render --template.glob=/dev/null --template.text="{{ \"$1\" | title }}"
}

for text in KubeAPIDown 'istiod pushes xDS' 'node down'; do
	echo "$text | $(prometheus "$text") | $(alertmanager "$text")"
done > seen.out
echo "text | Prometheus | Alertmanager"
cat seen.out
diff seen.out - <<'TEXT'
KubeAPIDown | KubeAPIDown | Kubeapidown
istiod pushes xDS | Istiod Pushes XDS | Istiod Pushes Xds
node down | Node Down | Node Down
TEXT

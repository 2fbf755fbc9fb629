#!/usr/bin/env bash
# The Python parser of Prometheus' text format renames Envoy's counters: samples come out under names nobody exposes.
#
# Packages: prometheus-client 0.26.0 (PyPI); github.com/prometheus/common v0.67.4 (Go module), whose expfmt is what
#           promtool and the Go clients read the same text with.
# Expected: both parsers give each sample the name that it has in the text. In the text format 0.0.4 a counter's name
#           may end in anything; `_total` is a rule of OpenMetrics.
# Seen:     Go gives `envoy_cluster_upstream_rq`; Python gives `envoy_cluster_upstream_rq_total`, and of
#           `istio_requests_total` the family is called `istio_requests`. So code that looks the name up which Prometheus
#           has finds nothing, and where a proxy exposes both `x` and `x_total`, two counters become one name.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > metrics.txt <<'TEXT'
# TYPE envoy_cluster_upstream_rq counter
envoy_cluster_upstream_rq{envoy_cluster_name="backend"} 3
# TYPE envoy_cluster_upstream_rq_total counter
envoy_cluster_upstream_rq_total{envoy_cluster_name="backend"} 5
# TYPE istio_requests_total counter
istio_requests_total{response_code="200"} 7
# TYPE envoy_cluster_membership_healthy gauge
envoy_cluster_membership_healthy{envoy_cluster_name="backend"} 1
TEXT
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check prometheus-client==0.26.0
cat > look.py <<'PYTHON'
from importlib.metadata import version

from prometheus_client.parser import text_string_to_metric_families

print("prometheus-client", version("prometheus-client"))
with open("python.out", "w") as out:
    for family in text_string_to_metric_families(open("metrics.txt").read()):
        for sample in family.samples:
            print(family.name, sample.name, int(sample.value), file=out)
PYTHON
env/bin/python look.py
sed 's/^/  family, sample, value: /' python.out

cat > go.mod <<'MOD'
module finding

go 1.24.0

require github.com/prometheus/common v0.67.4
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"sort"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

func main() {
	text, err := os.Open("metrics.txt")
	if err != nil {
		panic(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		panic(err)
	}
	samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{}, flatten(families)...)
	if err != nil {
		panic(err)
	}
	var lines []string
	for _, sample := range samples {
		name := string(sample.Metric[model.MetricNameLabel])
		lines = append(lines, fmt.Sprintf("%s %s %d", name, name, int(sample.Value)))
	}
	sort.Strings(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
}
GO
cat >> main.go <<'GO'

func flatten[T any](families map[string]T) []T {
	var all []T
	for _, family := range families {
		all = append(all, family)
	}
	return all
}
GO
go mod tidy 2> tidy.log || { cat tidy.log; exit 1; }
go list -m github.com/prometheus/common
go build -o look .
./look > go.out
sed 's/^/  family, sample, value: /' go.out

grep -qx 'envoy_cluster_upstream_rq envoy_cluster_upstream_rq 3' go.out
grep -qx 'envoy_cluster_upstream_rq envoy_cluster_upstream_rq_total 3' python.out
grep -qx 'envoy_cluster_upstream_rq envoy_cluster_upstream_rq_total 5' python.out
grep -qx 'istio_requests istio_requests_total 7' python.out
echo "as before: in Python the counters 3 and 5 have one name, in Go two"

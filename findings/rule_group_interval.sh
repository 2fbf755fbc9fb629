#!/usr/bin/env bash
# `promtool test rules` reads no group's interval: an alert fires in its test long before it does in the server.
#
# Packages: github.com/prometheus/prometheus v0.313.1 (Go module): its promtool, and its rule manager, which is what the
#           server runs rules with.
# Expected: a test evaluates a group as the server does: every `interval` of the group, or every evaluation_interval if it
#           has none.
# Seen:     the test evaluates all groups every evaluation_interval of the test's file. In a group of 10 s, an alert with
#           `for: 1s` fires in the test after 1 s; in the server it is pending for 10 s. A rule that records has 5 samples
#           in 5 s in the test, and 1 in the server. Nothing warns, so a test proves neither the time until an alert nor
#           an expression that counts samples of another rule.
# Way out:  a test file for each interval, with evaluation_interval as in the group.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > rules.yaml <<'YAML'
groups:
  - name: slow
    interval: 10s
    rules:
      - alert: Down
        expr: vector(1)
        for: 1s
      - record: seen
        expr: vector(1)
YAML
cat > test.yaml <<'YAML'
rule_files: [rules.yaml]
evaluation_interval: 1s
tests:
  - alert_rule_test:
      - {alertname: Down, eval_time: 0s}
      - {alertname: Down, eval_time: 1s, exp_alerts: [{}]}
    promql_expr_test:
      - expr: count_over_time(seen[5s])
        eval_time: 20s
        exp_samples: [{labels: '{}', value: 5}]
YAML
cat > go.mod <<'MOD'
module finding

go 1.26.0

require github.com/prometheus/prometheus v0.313.1

tool github.com/prometheus/prometheus/cmd/promtool
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/tsdb"
)

func main() {
	quiet := slog.New(slog.DiscardHandler)
	db, err := tsdb.Open("data", quiet, nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		panic(err)
	}
	language := parser.NewParser(parser.Options{})
	engine := promql.NewEngine(promql.EngineOpts{Logger: quiet, MaxSamples: 1000, Timeout: time.Minute, Parser: language})
	query := rules.EngineQueryFunc(engine, db)
	manager := rules.NewManager(&rules.ManagerOptions{
		Context:              context.Background(),
		Logger:               quiet,
		Appendable:           db,
		Queryable:            db,
		QueryFunc:            query,
		NotifyFunc:           func(context.Context, string, ...*rules.Alert) {},
		NameValidationScheme: model.UTF8Validation,
		Parser:               language,
	})
	go manager.Run()
	if err := manager.Update(time.Second, []string{"rules.yaml"}, labels.EmptyLabels(), "", nil); err != nil {
		panic(err)
	}
	reached := map[rules.AlertState]time.Time{}
	for until := time.Now().Add(time.Minute); reached[rules.StateFiring].IsZero() && time.Now().Before(until); {
		state := manager.AlertingRules()[0].State()
		if reached[state].IsZero() {
			reached[state] = time.Now()
		}
		time.Sleep(50 * time.Millisecond)
	}
	pending := reached[rules.StateFiring].Sub(reached[rules.StatePending])
	manager.Stop()
	samples, err := query(context.Background(), "count_over_time(seen[5s])", time.Now())
	if err != nil {
		panic(err)
	}
	if err := db.Close(); err != nil {
		panic(err)
	}
	count := 0.0
	for _, sample := range samples {
		count += sample.F
	}
	fmt.Printf("server: pending for %v, samples in 5s: %v\n", pending.Round(time.Second), count)
	if pending < 5*time.Second || pending > 30*time.Second || count != 1 {
		fmt.Println("the behaviour has changed")
		os.Exit(1)
	}
}
GO
(
	go mod tidy
	go build -o look .
	go build -tags remove_all_sd -o promtool github.com/prometheus/prometheus/cmd/promtool
) > build.log 2>&1 || { cat build.log; exit 1; }
go list -m github.com/prometheus/prometheus
echo "test: pending for 1s, samples in 5s: 5"
./promtool test rules test.yaml
./look

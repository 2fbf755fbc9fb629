#!/usr/bin/env bash
# A ServiceMonitor that selects `version: 1.1.0` also scrapes the Services of version 1.110.
#
# Packages: github.com/prometheus-operator/prometheus-operator v0.93.1, which writes the scrape configuration;
#           github.com/prometheus/prometheus v0.313.1, whose relabelling applies it; k8s.io/apimachinery v0.36.3, whose
#           label selectors the field is declared as.
# Expected: spec.selector is a Kubernetes LabelSelector, so Prometheus scrapes the Services that
#           `kubectl get services -l` lists for it, and values and keys are compared as they are.
# Seen:     the operator writes the values into a regular expression and does not quote them: a dot stands for any
#           character, in matchLabels and in matchExpressions. With NotIn a Service that is selected is not scraped.
#           Keys are compared as Prometheus spells them: `lab.example/tier` also finds `lab-example_tier`.
# Way out:  `selectorMechanism: RoleSelector`, with which the API server selects, or a label whose values have no dot. The
#           field's docs speak of efficiency only.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > go.mod <<'MOD'
module finding

go 1.26.0

require (
	github.com/prometheus-operator/prometheus-operator v0.93.1
	github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring v0.93.0
	github.com/prometheus/common v0.70.1
	github.com/prometheus/prometheus v0.313.1
	gopkg.in/yaml.v2 v2.4.0
	k8s.io/apimachinery v0.36.3
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"strings"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus-operator/prometheus-operator/pkg/assets"
	"github.com/prometheus-operator/prometheus-operator/pkg/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	yaml "gopkg.in/yaml.v2"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubernetes "k8s.io/apimachinery/pkg/labels"
)

type job struct {
	Rules     []*relabel.Config `yaml:"relabel_configs"`
	Discovery []struct {
		Selectors []struct{ Role, Label string }
	} `yaml:"kubernetes_sd_configs"`
}

// The scrape job that the operator writes for a ServiceMonitor of this selector; of its rules, those about labels.
func written(selector meta.LabelSelector, mechanism monitoring.SelectorMechanism) job {
	owner := &monitoring.Prometheus{ObjectMeta: meta.ObjectMeta{Name: "prom", Namespace: "lab"}}
	monitor := &monitoring.ServiceMonitor{ObjectMeta: meta.ObjectMeta{Name: "web", Namespace: "lab"}}
	monitor.Spec.Selector = selector
	monitor.Spec.SelectorMechanism = &mechanism
	monitor.Spec.Endpoints = []monitoring.Endpoint{{Port: "http"}}
	generator, err := prometheus.NewConfigGenerator(nil, owner)
	check(err)
	monitors := map[string]*monitoring.ServiceMonitor{"lab/web": monitor}
	store := assets.NewTestStoreBuilder()
	text, err := generator.GenerateServerConfiguration(owner, monitors, nil, nil, nil, store, nil, nil, nil, nil)
	check(err)
	var config struct {
		Jobs []job `yaml:"scrape_configs"`
	}
	check(yaml.Unmarshal(text, &config))
	made := config.Jobs[0]
	all := made.Rules
	made.Rules = nil
	for _, rule := range all {
		selects := rule.Action == relabel.Keep || rule.Action == relabel.Drop
		if selects && strings.Contains(fmt.Sprint(rule.SourceLabels), "_service_label") {
			check(rule.Validate(model.UTF8Validation))
			made.Rules = append(made.Rules, rule)
		}
	}
	return made
}

// What Prometheus' discovery tells of a Service with this label.
func discovered(key, value string) *labels.Builder {
	key = strings.NewReplacer("-", "_", ".", "_", "/", "_").Replace(key)
	found := labels.NewBuilder(labels.EmptyLabels())
	found.Set("__meta_kubernetes_service_label_"+key, value)
	found.Set("__meta_kubernetes_service_labelpresent_"+key, "true")
	return found
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	equal := meta.LabelSelector{MatchLabels: map[string]string{"version": "1.1.0"}}
	term := func(key string, operator meta.LabelSelectorOperator, values ...string) meta.LabelSelector {
		return meta.LabelSelector{MatchExpressions: []meta.LabelSelectorRequirement{{Key: key, Operator: operator, Values: values}}}
	}
	services := []struct {
		selector        meta.LabelSelector
		key, value      string
		listed, scraped bool
	}{
		{equal, "version", "1.1.0", true, true},
		{equal, "version", "1.110", false, true},
		{term("version", meta.LabelSelectorOpIn, "1.1.0"), "version", "1.110", false, true},
		{term("version", meta.LabelSelectorOpNotIn, "1.1.0"), "version", "1.110", true, false},
		{term("lab.example/tier", meta.LabelSelectorOpExists), "lab-example_tier", "web", false, true},
	}
	changed := false
	for _, service := range services {
		selector, err := meta.LabelSelectorAsSelector(&service.selector)
		check(err)
		listed := selector.Matches(kubernetes.Set{service.key: service.value})
		rules := written(service.selector, monitoring.SelectorMechanismRelabel).Rules
		scraped := relabel.ProcessBuilder(discovered(service.key, service.value), rules...)
		label := service.key + "=" + service.value
		fmt.Printf("selector %-23s Service %-22s listed: %-5v scraped: %v\n", selector, label, listed, scraped)
		changed = changed || listed != service.listed || scraped != service.scraped
	}
	way := written(equal, monitoring.SelectorMechanismRole)
	label := way.Discovery[0].Selectors[0].Label
	fmt.Println("with RoleSelector the API server is asked for", label, "and rules about labels:", len(way.Rules))
	if changed || label != "version=1.1.0" || len(way.Rules) != 0 {
		fmt.Println("the behaviour has changed")
		os.Exit(1)
	}
}
GO
go mod tidy 2> tidy.log || { cat tidy.log; exit 1; }
go list -m github.com/prometheus-operator/prometheus-operator github.com/prometheus/prometheus k8s.io/apimachinery
go build -o look .
./look

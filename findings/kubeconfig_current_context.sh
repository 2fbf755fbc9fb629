#!/usr/bin/env bash
# With two files in KUBECONFIG, kubectl and the official Python client act on two different clusters.
#
# Packages: kubernetes 37.0.2 (PyPI); k8s.io/client-go v0.34.4 (Go module), whose clientcmd kubectl and helm use.
# Expected: both take the current context of the first file that names one. The rule of kubectl's docs is that the first
#           file to set a value wins, and for clusters, users and contexts of one name the Python client follows it.
# Seen:     clientcmd takes the first file's current context, load_kube_config() the last one's: without a warning, a
#           script in Python works on another cluster than `kubectl` in the same shell. A file that is empty is nothing to
#           clientcmd and an error in Python.
# Way out:  pass context=, or one file.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for name in first second; do
	cat > "$name.yaml" <<YAML
apiVersion: v1
kind: Config
current-context: $name
clusters: [{name: $name, cluster: {server: "https://$name.example"}}]
users: [{name: $name, user: {token: of-$name}}]
contexts: [{name: $name, context: {cluster: $name, user: $name}}]
YAML
done
touch empty.yaml
python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2
cat > look.py <<'PYTHON'
from kubernetes import client, config

try:
    config.load_kube_config()
    print(client.Configuration.get_default_copy().host)
except config.ConfigException as error:
    print("error:", error)
PYTHON
cat > go.mod <<'MOD'
module finding

go 1.24.0

require k8s.io/client-go v0.34.4
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	fmt.Println(config.Host)
}
GO
go mod tidy 2> tidy.log || { cat tidy.log; exit 1; }
go build -o look .
env/bin/python -c 'from importlib.metadata import version; print("kubernetes", version("kubernetes"))'
go list -m k8s.io/client-go

ask() {
	KUBECONFIG=$1 ./look > go.out
	KUBECONFIG=$1 env/bin/python look.py > python.out
	printf '%-26s clientcmd: %-24s Python: %s\n' "$1" "$(cat go.out)" "$(cat python.out)"
}
ask first.yaml:second.yaml
[[ $(cat go.out) == https://first.example && $(cat python.out) == https://second.example ]]
ask second.yaml:first.yaml
[[ $(cat go.out) == https://second.example && $(cat python.out) == https://first.example ]]
ask empty.yaml:first.yaml
[[ $(cat go.out) == https://first.example && $(cat python.out) == error:* ]]
echo "as before: they do not agree"

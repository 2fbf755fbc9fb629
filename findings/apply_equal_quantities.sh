#!/usr/bin/env bash
# Server-side apply calls `cpu: "0.5"` a conflict with `cpu: 500m`, though nothing would change.
#
# Packages: k8s.io/client-go, k8s.io/api and k8s.io/apimachinery v0.34.4 (Go modules). client-go's fake clientset keeps
#           managed fields with the API server's own code; kube-apiserver 1.34.4 answers the same.
# Expected: two managers may share a field as long as they want one value: 500m and 0.5 are one quantity, and the API
#           server keeps and shows both as 500m. So the second apply succeeds, as it does with 500m.
# Seen:     "Apply failed with 1 conflict". What is applied is compared as it is written, with what is kept, which is
#           canonical. The first manager itself may change between the two spellings: it owns the field.
# Matters:  when a second tool takes an object over, such as helm 4 or Pulumi beside kubectl: write quantities as the API
#           server shows them.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > go.mod <<'MOD'
module finding

go 1.24.0

require (
	k8s.io/api v0.34.4
	k8s.io/apimachinery v0.34.4
	k8s.io/client-go v0.34.4
)
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"

	errors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
)

const pod = `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "lab"}, "spec": {"containers": [
	{"name": "web", "image": "web:1", "resources": {"limits": {"cpu": %q}}}]}}`

func main() {
	pods := fake.NewClientset().CoreV1().Pods("lab")
	steps := []struct {
		manager, cpu string
		conflict     bool
	}{
		{"first", "500m", false},
		{"second", "0.5", true},
		{"first", "0.5", false},
		{"second", "500m", false},
	}
	for _, step := range steps {
		options := meta.PatchOptions{FieldManager: step.manager}
		kept, err := pods.Patch(context.Background(), "web", types.ApplyPatchType, fmt.Appendf(nil, pod, step.cpu), options)
		if err != nil && !errors.IsConflict(err) {
			panic(err)
		}
		answer := fmt.Sprint(err)
		if err == nil {
			answer = "kept as " + kept.Spec.Containers[0].Resources.Limits.Cpu().String()
		}
		fmt.Printf("%-6s applies cpu %-5s %s\n", step.manager, step.cpu, answer)
		if (err != nil) != step.conflict {
			fmt.Println("the behaviour has changed")
			os.Exit(1)
		}
	}
}
GO
go mod tidy 2> tidy.log || { cat tidy.log; exit 1; }
go list -m k8s.io/client-go k8s.io/apimachinery
go build -o look .
./look

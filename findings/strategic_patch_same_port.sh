#!/usr/bin/env bash
# A change of both ports 53/UDP and 53/TCP of a Service reaches one of them, and the patch reports no error.
#
# Packages: k8s.io/api and k8s.io/apimachinery v0.34.4 (Go modules): what kubectl's client-side apply and helm 3 make
#           their patches with, and what the API server applies them with.
# Expected: the patch from the old Service to the new one, applied to the old one, gives the new one. A Service may
#           have one number twice for two protocols; server-side apply tells them apart by number and protocol.
# Seen:     the patch has two entries for `port: 53`; both are laid over the first port of that number. UDP gets the new
#           target, TCP keeps the old one, so DNS over TCP goes to a port where nothing listens any more.
# Why:      a strategic merge patch knows the items of a Service's ports by `port` alone.
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
)
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"os"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

func service(target int) []byte {
	one := core.Service{}
	one.APIVersion, one.Kind, one.Name = "v1", "Service", "dns"
	for _, protocol := range []core.Protocol{core.ProtocolUDP, core.ProtocolTCP} {
		port := core.ServicePort{Name: "dns-" + string(protocol), Protocol: protocol, Port: 53, TargetPort: intstr.FromInt(target)}
		one.Spec.Ports = append(one.Spec.Ports, port)
	}
	return must(json.Marshal(one))
}

func must(data []byte, err error) []byte {
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	return data
}

func main() {
	before, after := service(53), service(1053)
	patch := must(strategicpatch.CreateThreeWayMergePatch(before, after, before, schema(), true))
	fmt.Println("patch:", string(patch))
	var got core.Service
	if err := json.Unmarshal(must(strategicpatch.StrategicMergePatch(before, patch, core.Service{})), &got); err != nil {
		panic(err)
	}
	targets := map[core.Protocol]int{}
	for _, port := range got.Spec.Ports {
		targets[port.Protocol] = port.TargetPort.IntValue()
		fmt.Printf("wanted: %s 53 -> 1053   got: %s %d -> %s\n", port.Protocol, port.Protocol, port.Port, port.TargetPort.String())
	}
	if len(got.Spec.Ports) != 2 || targets[core.ProtocolUDP] != 1053 || targets[core.ProtocolTCP] != 53 {
		fmt.Println("the behaviour has changed")
		os.Exit(1)
	}
}

func schema() strategicpatch.LookupPatchMeta {
	meta, err := strategicpatch.NewPatchMetaFromStruct(core.Service{})
	if err != nil {
		panic(err)
	}
	return meta
}
GO
go mod tidy 2> tidy.log || { cat tidy.log; exit 1; }
go version
go list -m k8s.io/api k8s.io/apimachinery
go build -o look .
./look

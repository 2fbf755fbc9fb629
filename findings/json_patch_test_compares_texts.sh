#!/usr/bin/env bash
# A JSON patch that tests a value before it replaces it is refused where Go and the client escape the value differently.
#
# Packages: gopkg.in/evanphx/json-patch.v4 v4.13.0 (Go module): what the API server of Kubernetes 1.36.3 applies JSON
#           patches with (go.mod of k8s.io/apiserver v0.36.3); Go's encoding/json, Python's json.
# Expected: an operation `test` passes where the value is the same string. RFC 6902, 4.6: strings are equal if they have
#           the same Unicode characters, and the same character may be written escaped or not.
# Seen:     `<`, `>`, `&` fail, since Go writes the object with them escaped (\u003c) and Python writes them as they are;
#           letters outside ASCII fail too, where Python escapes and Go does not. Plain letters pass.
# Why:      scalars are compared byte for byte, as compact JSON. Known: github.com/kubernetes/apiserver/issues/100.
# Use:      test the object's resourceVersion, and compare values in the client.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat > go.mod <<'MOD'
module finding

go 1.24.0

require gopkg.in/evanphx/json-patch.v4 v4.13.0
MOD
cat > main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"
	"os"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

// passes says whether a patch that a client wrote, with one test of /expr, is applied to an object of this expr.
func passes(expr string, written []byte) bool {
	object, err := json.Marshal(map[string]string{"expr": expr})
	if err != nil {
		panic(err)
	}
	patch, err := jsonpatch.DecodePatch(written)
	if err != nil {
		panic(err)
	}
	_, err = patch.Apply(object)
	return err == nil
}

func main() {
	written, changed := map[string]json.RawMessage{}, false
	if err := json.NewDecoder(os.Stdin).Decode(&written); err != nil {
		panic(err)
	}
	for _, row := range []struct {
		expr   string
		expect bool
	}{{"up == 0", true}, {"up > 0", false}, {"a=b&c=d", false}, {"Müller", false}} {
		got := passes(row.expr, written[row.expr])
		fmt.Printf("test of %q, the value of the object: passes %v\n", row.expr, got)
		changed = changed || got != row.expect
	}
	if changed {
		fmt.Println("the behaviour has changed")
		os.Exit(1)
	}
}
GO
cat > patches.py <<'PY'
import json

values = ("up == 0", "up > 0", "a=b&c=d", "Müller")
print(json.dumps({value: [{"op": "test", "path": "/expr", "value": value}] for value in values}))
PY
go mod tidy 2> tidy.log || { cat tidy.log; exit 1; }
go version
python3 --version
go list -m gopkg.in/evanphx/json-patch.v4
go build -o look .
python3 patches.py | ./look

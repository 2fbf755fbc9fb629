#!/usr/bin/env bash
# `pulumi config set` of one key rewrites others in the stack file: a date becomes 2026-01-01 00:00:00 +0000 UTC.
#
# Packages: github.com/pulumi/pulumi/sdk/v3 v3.276.0 (Go module), with which the program pulumi loads, sets and saves
#           Pulumi.<stack>.yaml.
# Expected: a program gets what is written, and setting one key leaves the lines of the others alone: comments and the
#           order of keys are kept, too.
# Seen:     what has no quotes is read as YAML's date or number and written back from that. The program gets Go's form of
#           the time, which Python's fromisoformat refuses, and 1.10 as 1.1; after the first set the file has no trace of
#           what was there. In an object, a whole number above 2^63 loses its last digits with that set, so the program
#           gets another value after it than before.
# Way out:  quotes; `pulumi config set` itself writes them around the value that it sets.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf 'name: lab\nruntime: python\n' > Pulumi.yaml
cat > Pulumi.dev.yaml <<'YAML'
config:
  # kept
  lab:since: 2026-01-01
  lab:version: 1.10
  lab:mode: 0755
  lab:window:
    since: 2026-01-01
    serial: 12345678901234567890
YAML
cat > go.mod <<'MOD'
module finding

go 1.26.0

require github.com/pulumi/pulumi/sdk/v3 v3.276.0
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

func main() {
	project, err := workspace.LoadProject("Pulumi.yaml")
	check(err)
	stack, err := workspace.LoadProjectStack(nil, project, "Pulumi.dev.yaml")
	check(err)
	values, err := stack.Config.Decrypt(config.NopDecrypter)
	check(err)
	for _, name := range []string{"since", "version", "mode", "window"} {
		fmt.Printf("the program gets %-7s %s\n", name, values[config.MustMakeKey("lab", name)])
	}
	check(stack.Config.Set(config.MustMakeKey("lab", "other"), config.NewValue("2026-01-01"), false))
	fmt.Println("sets lab:other to the text 2026-01-01")
	check(stack.Save("Pulumi.dev.yaml"))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
GO
go mod tidy 2> tidy.log || { cat tidy.log; exit 1; }
go build -o look .
go list -m github.com/pulumi/pulumi/sdk/v3
{
	./look
	cat Pulumi.dev.yaml
	./look
} > seen.out
cat seen.out
diff seen.out - <<'TEXT'
the program gets since   2026-01-01 00:00:00 +0000 UTC
the program gets version 1.1
the program gets mode    493
the program gets window  {"serial":12345678901234567890,"since":"2026-01-01 00:00:00 +0000 UTC"}
sets lab:other to the text 2026-01-01
config:
  # kept
  lab:since: 2026-01-01 00:00:00 +0000 UTC
  lab:version: "1.1"
  lab:mode: "493"
  lab:window:
    since: 2026-01-01 00:00:00 +0000 UTC
    serial: 1.2345678901234567e+19
  lab:other: "2026-01-01"
the program gets since   2026-01-01 00:00:00 +0000 UTC
the program gets version 1.1
the program gets mode    493
the program gets window  {"serial":12345678901234567000,"since":"2026-01-01 00:00:00 +0000 UTC"}
sets lab:other to the text 2026-01-01
TEXT

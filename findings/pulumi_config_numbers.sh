#!/usr/bin/env bash
# One Pulumi config value, three readings: `30s` is 30 in TypeScript, 0 in Go and an error in Python.
#
# Packages: pulumi 3.272.0 (PyPI), @pulumi/pulumi 3.276.0 (npm), github.com/pulumi/pulumi/sdk/v3 v3.276.0 (Go module).
# Expected: getNumber, get_int and GetInt of one value give one number, or each an error, since a stack file outlives a
#           rewrite of its program. Likewise the three that read a boolean.
# Seen:     TypeScript reads as far as it can (30s is 30, 0x10 is 0, 1_000 is 1, 12:30 is 12); Go's GetInt reads a leading 0
#           as octal (010 is 8) and answers 0, without an error, for what it cannot read; Python refuses what is no number
#           and takes 010 as 10. `True` is true in Python and Go and an error in TypeScript; `yes` is an error in Python and
#           TypeScript and false, without a word, in Go.
# Way out:  Go's TryInt and RequireInt report what they cannot read.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
numbers="30s 0x10 010 1_000 12:30 42"
booleans="true True yes"

python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check pulumi==3.272.0
cat > look.py <<'PYTHON'
import sys

import pulumi

values = sys.argv[1].split(), sys.argv[2].split()
pulumi.runtime.set_all_config({f"lab:{text}": text for text in (*values[0], *values[1])})
config = pulumi.Config("lab")
for read, texts in ((config.get_int, values[0]), (config.get_bool, values[1])):
    for text in texts:
        try:
            print(str(read(text)).lower())
        except pulumi.ConfigTypeError:
            print("error")
PYTHON
env/bin/python look.py "$numbers" "$booleans" > python.out

npm install --silent --no-audit --no-fund --ignore-scripts --prefix node @pulumi/pulumi@3.276.0 > npm.log 2>&1 || { cat npm.log; exit 1; }
cat > node/look.js <<'JS'
const [numbers, booleans] = process.argv.slice(2).map((words) => words.split(" "));
const all = Object.fromEntries([...numbers, ...booleans].map((text) => [`lab:${text}`, text]));
process.env.PULUMI_CONFIG = JSON.stringify(all);
const config = new (require("@pulumi/pulumi").Config)("lab");
const readers = [[(text) => config.getNumber(text), numbers], [(text) => config.getBoolean(text), booleans]];
for (const [read, texts] of readers) {
    for (const text of texts) {
        try {
            console.log(String(read(text)));
        } catch (_) {
            console.log("error");
        }
    }
}
JS
node node/look.js "$numbers" "$booleans" > node.out

cat > go.mod <<'MOD'
module finding

go 1.24.0

require github.com/pulumi/pulumi/sdk/v3 v3.276.0
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

type none struct{}

func (none) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	return args.Name, args.Inputs, nil
}

func (none) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) { return args.Args, nil }

func main() {
	numbers, booleans := strings.Fields(os.Args[1]), strings.Fields(os.Args[2])
	set := func(info *pulumi.RunInfo) {
		info.Config = map[string]string{}
		for _, text := range append(append([]string{}, numbers...), booleans...) {
			info.Config["lab:"+text] = text
		}
	}
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		values := config.New(ctx, "lab")
		for _, text := range numbers {
			fmt.Println(values.GetInt(text))
		}
		for _, text := range booleans {
			fmt.Println(values.GetBool(text))
		}
		return nil
	}, pulumi.WithMocks("lab", "dev", none{}), set)
	if err != nil {
		panic(err)
	}
}
GO
go mod tidy 2> tidy.log || { cat tidy.log; exit 1; }
go build -o look .
./look "$numbers" "$booleans" > go.out

echo "pulumi 3.272.0 (Python), 3.276.0 (TypeScript), $(go list -m github.com/pulumi/pulumi/sdk/v3)"
echo "text Python TypeScript Go" > seen.out
paste -d ' ' <(tr ' ' '\n' <<< "$numbers $booleans") python.out node.out go.out >> seen.out
cat > expected.out <<'TEXT'
text Python TypeScript Go
30s error 30 0
0x10 error 0 16
010 10 10 8
1_000 1000 1 1000
12:30 error 12 0
42 42 42 42
true true true true
True true error true
yes error error false
TEXT
while read -r text python node go; do printf '%-8s %-8s %-12s %s\n' "$text" "$python" "$node" "$go"; done < seen.out
diff expected.out seen.out

#!/usr/bin/env bash
# kubernetes.utils.parse_quantity takes quantities that the API server refuses, and reads huge ones as another number.
#
# Packages: kubernetes 37.0.2 (PyPI); k8s.io/apimachinery v0.34.4 (Go module), by which the API server reads quantities.
# Expected: the function, whose docs point at apimachinery's quantity.go, refuses what that refuses, and where both
#           take a text they agree on the number.
# Seen:     Python takes `1K` (1000; Go wants `k`), `1e3Ki`, `1_000`, `inf` and `NaN`, all of which Go refuses. A typing
#           error passes a check in Python and fails at the server; `NaN` is unequal to itself and `inf` is above any limit.
#           `0.1n` is 1E-10 here and 1n there; `10Ei` is ten exbibytes here and 8Ei - 1 there, without an error in either.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf '%s\n' 500m 0.5 1.5Gi 1k 1K 1e3 1e3Ki 1_000 inf NaN 1ki 0.1n 10Ei > spellings.txt

python3 -m venv env
env/bin/pip install --quiet --disable-pip-version-check kubernetes==37.0.2
cat > look.py <<'PYTHON'
from importlib.metadata import version

from kubernetes.utils.quantity import parse_quantity

with open("python.out", "w") as out:
    for text in open("spellings.txt").read().split():
        try:
            value = f"{parse_quantity(text):.10f}".rstrip("0").rstrip(".")
        except ValueError:
            value = "refused"
        print(text, value, file=out)
print("kubernetes", version("kubernetes"))
PYTHON
env/bin/python look.py

cat > go.mod <<'MOD'
module finding

go 1.24.0

require k8s.io/apimachinery v0.34.4
MOD
cat > main.go <<'GO'
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

func main() {
	file, err := os.Open("spellings.txt")
	if err != nil {
		panic(err)
	}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		value := "refused"
		if quantity, err := resource.ParseQuantity(lines.Text()); err == nil {
			value = quantity.AsDec().String()
			if strings.Contains(value, ".") {
				value = strings.TrimRight(strings.TrimRight(value, "0"), ".")
			}
		}
		fmt.Println(lines.Text(), value)
	}
}
GO
go mod tidy 2> tidy.log || { cat tidy.log; exit 1; }
go list -m k8s.io/apimachinery
go build -o look .
./look > go.out

printf '%-8s %-24s %s\n' text Python "API server's Go"
paste -d ' ' python.out go.out | while read -r text python _ go; do
	printf '%-8s %-24s %s\n' "$text" "$python" "$go"
done
cat > expected.out <<'TEXT'
1K 1000 refused
1e3Ki 1024000 refused
1_000 1000 refused
inf Infinity refused
NaN NaN refused
0.1n 0.0000000001 0.000000001
10Ei 11529215046068469760 9223372036854775807
TEXT
paste -d ' ' python.out go.out | awk '$2 != $4 {print $1, $2, $4}' > seen.out
diff expected.out seen.out
echo "as before: they differ in these seven"

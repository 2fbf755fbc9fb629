#!/usr/bin/env bash
# A KwokConfiguration that sets one option loses the defaults of all others in kwok 0.8.
#
# Packages: sigs.k8s.io/kwok v0.7.0 and v0.8.0 (Go module), the command kwokctl. Both call the format
#           config.kwok.x-k8s.io/v1alpha1 and document a default for each option.
# Expected: an option that a file leaves out has its default, as without a file and as in 0.7.
# Seen:     0.8 leaves every number that the file leaves out at 0 and every switch off. `kwok` then ends at its start ("node
#           leases parallelism must be greater than 0"); with that number set, it would serve no logs, exec or port-forward.
#           Without a file, arguments of the program are laid over the defaults, which then hold.
# Exits 0 while this is so, 1 when the behaviour has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
cat > partial.yaml <<'YAML'
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options:
  cidr: 10.9.0.1/16
YAML

# What a version makes of the options of a file, a line each.
options() {
    KWOK_WORKDIR="$work/home-$1" "$work/$1/kwokctl" --config "$work/$2" config view 2> errors.log |
        sed -n '/^kind: KwokConfiguration$/,/^---$/p' | sed -n '/^options:$/,/^[^ ]*:$/p' | grep '^  ' | sort
}

for version in v0.7.0 v0.8.0; do
    GOBIN="$work/$version" GOFLAGS=-mod=mod go install "sigs.k8s.io/kwok/cmd/kwokctl@$version"
    go version -m "$work/$version/kwokctl" | awk '$1 == "mod" { print $2, $3 }'
    options "$version" partial.yaml > "$version.txt"
    sed 's/^/  /' "$version.txt"
done

failed=0
holds() {
    if grep -q "^  $2\$" "$1.txt"; then echo "as seen: $1 has $2"; else echo "changed: $1 lacks $2"; failed=1; fi
}
lacks() {
    if grep -q "^  $2:" "$1.txt"; then echo "changed: $1 has $2"; failed=1; else echo "as seen: $1 has no $2"; fi
}
holds v0.7.0 "cidr: 10.9.0.1/16"
holds v0.7.0 "nodeLeaseParallelism: 4"
holds v0.7.0 "enableDebuggingHandlers: true"
holds v0.8.0 "cidr: 10.9.0.1/16"
lacks v0.8.0 nodeLeaseParallelism
holds v0.8.0 "enableDebuggingHandlers: false"
exit $failed

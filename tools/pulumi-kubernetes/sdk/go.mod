// Stands for Pulumi's Go SDK of Kubernetes, of which the provider uses three packages. The whole has a Go type for each
// kind of Kubernetes, 26 MB of source, and the provider takes only the URN and the ID of what it registers.
module github.com/pulumi/pulumi-kubernetes/sdk/v4

go 1.24.0

require github.com/pulumi/pulumi/sdk/v3 v3.215.0

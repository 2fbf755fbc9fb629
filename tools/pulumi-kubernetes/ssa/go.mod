// Stands for Flux's package ssa, of which the provider uses two functions. The releases of it that compile with the
// libraries of Kubernetes 1.36 have other types than this provider, and older ones do not compile with them.
module github.com/fluxcd/pkg/ssa

go 1.24.0

require (
	k8s.io/apimachinery v0.36.3
	sigs.k8s.io/structured-merge-diff/v4 v4.6.0
)

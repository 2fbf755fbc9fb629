// Package v2 registers the objects of manifests as resources.
package v2

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// RegisterResource registers an object under the type token of its kind.
func RegisterResource(
	ctx *pulumi.Context, apiVersion, kind, name string, object pulumi.Input, opts ...pulumi.ResourceOption,
) (pulumi.CustomResource, error) {
	var registered pulumi.CustomResourceState
	if err := ctx.RegisterResource(token(apiVersion, kind), name, object, &registered, opts...); err != nil {
		return nil, err
	}
	return &registered, nil
}

// token is the type token of a kind. Pulumi calls the group that has no name core.
func token(apiVersion, kind string) string {
	if !strings.Contains(apiVersion, "/") {
		apiVersion = "core/" + apiVersion
	}
	return "kubernetes:" + apiVersion + ":" + kind
}

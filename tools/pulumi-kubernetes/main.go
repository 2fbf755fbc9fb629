// The Kubernetes provider of Pulumi. Its module leaves out the two files that the main package of its own embeds.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

func main() {
	schema, err := beside("schema.json")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// The second document maps Terraform's names, for `pulumi convert` alone.
	provider.Serve("kubernetes", version.Version, schema, nil)
}

// beside reads a file that lies with this program.
func beside(name string) ([]byte, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(filepath.Dir(program), name))
}

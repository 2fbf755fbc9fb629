// Package kubernetes has the inputs of an object whose kind has no type here.
package kubernetes

import "reflect"

// UntypedArgs is an object as its manifest has it.
type UntypedArgs map[string]any

// ElementType makes it an input of a resource.
func (UntypedArgs) ElementType() reflect.Type {
	return reflect.TypeFor[map[string]any]()
}

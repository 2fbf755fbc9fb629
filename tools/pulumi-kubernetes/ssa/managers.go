// Package ssa has what the provider asks about the managers of an object's fields.
package ssa

import (
	"bytes"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v4/fieldpath"
)

// FieldManager is a manager whose fields are taken over: its name begins with Name, and it made them by OperationType.
type FieldManager struct {
	Name          string
	OperationType metav1.ManagedFieldsOperationType
}

func (manager FieldManager) made(entry metav1.ManagedFieldsEntry) bool {
	return entry.Operation == manager.OperationType && strings.HasPrefix(entry.Manager, manager.Name)
}

// Operation is one of a JSON patch (RFC 6902) on the list of an object's managers.
type Operation struct {
	Op    string                      `json:"op"`
	Path  string                      `json:"path"`
	Value []metav1.ManagedFieldsEntry `json:"value"`
}

// FieldsToSet reads which fields a manager has.
func FieldsToSet(fields metav1.FieldsV1) (fieldpath.Set, error) {
	var set fieldpath.Set
	err := set.FromJSON(bytes.NewReader(fields.Raw))
	return set, err
}

// PatchReplaceFieldsManagers gives the patch after which the fields of these managers are owned by name as if it had
// applied them. It is empty where none of them has any. Subresources, such as the status, stay with their managers.
func PatchReplaceFieldsManagers(
	object *unstructured.Unstructured, managers []FieldManager, name string,
) ([]Operation, error) {
	var owner *metav1.ManagedFieldsEntry
	var taken, others []metav1.ManagedFieldsEntry
	for _, entry := range object.GetManagedFields() {
		switch {
		case entry.Subresource != "":
			others = append(others, entry)
		case entry.Manager == name && entry.Operation == metav1.ManagedFieldsOperationApply:
			owner = &entry
		case anyMade(managers, entry):
			taken = append(taken, entry)
		default:
			others = append(others, entry)
		}
	}
	if len(taken) == 0 {
		return nil, nil
	}
	if owner == nil {
		owner, taken = &taken[0], taken[1:]
		owner.Manager, owner.Operation = name, metav1.ManagedFieldsOperationApply
	}
	for _, entry := range taken {
		fields, err := union(owner.FieldsV1, entry.FieldsV1)
		if err != nil {
			return nil, fmt.Errorf("the fields of manager %q: %w", entry.Manager, err)
		}
		owner.FieldsV1 = fields
	}
	return []Operation{{Op: "replace", Path: "/metadata/managedFields", Value: append(others, *owner)}}, nil
}

func anyMade(managers []FieldManager, entry metav1.ManagedFieldsEntry) bool {
	for _, manager := range managers {
		if manager.made(entry) {
			return true
		}
	}
	return false
}

func union(one, other *metav1.FieldsV1) (*metav1.FieldsV1, error) {
	var all fieldpath.Set
	for _, fields := range []*metav1.FieldsV1{one, other} {
		if fields == nil {
			continue
		}
		set, err := FieldsToSet(*fields)
		if err != nil {
			return nil, err
		}
		all = *all.Union(&set)
	}
	raw, err := all.ToJSON()
	if err != nil {
		return nil, err
	}
	return &metav1.FieldsV1{Raw: raw}, nil
}

{{/* Spec fields a person set, without the empty ones and without those that the template writes itself. List: spec, own keys. */}}
{{- define "stack.fields" -}}
{{- $own := index . 1 }}
{{- range $key, $value := index . 0 }}
{{- if not (or (has $key $own) (kindIs "invalid" $value) (and (or (kindIs "string" $value) (kindIs "map" $value) (kindIs "slice" $value)) (empty $value))) }}
{{ $key }}: {{ toJson $value }}
{{- end }}
{{- end }}
{{- end }}

{{/*
How pods of one Prometheus or Alertmanager keep apart, over the affinity a person set: soft, hard, or not at all.
List: root, spec, name in app.kubernetes.io/name, label that names the object, the object's name. 42.2.1 has none by default, 88.5.3 soft.
*/}}
{{- define "stack.affinity" -}}
{{- $root := index . 0 }}{{ $spec := index . 1 }}
{{- $mode := hasKey $spec "podAntiAffinity" | ternary $spec.podAntiAffinity (ternary "soft" "" (eq (include "stack.current" $root) "true")) }}
{{- $same := list (dict "key" "app.kubernetes.io/name" "operator" "In" "values" (list (index . 2))) (dict "key" (index . 3) "operator" "In" "values" (list (index . 4))) }}
{{- $term := dict "topologyKey" ($spec.podAntiAffinityTopologyKey | default "kubernetes.io/hostname") "labelSelector" (dict "matchExpressions" $same) }}
{{- $affinity := deepCopy ($spec.affinity | default dict) }}
{{- if eq $mode "soft" }}
{{- $_ := set $affinity "podAntiAffinity" (dict "preferredDuringSchedulingIgnoredDuringExecution" (list (dict "weight" 100 "podAffinityTerm" $term))) }}
{{- else if eq $mode "hard" }}
{{- $_ := set $affinity "podAntiAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $term)) }}
{{- end }}
{{- with $affinity }}
affinity: {{ toJson . }}
{{- end }}
{{- end }}

{{/* Keys that the real chart rewrites before they reach the custom resource, and this one does not. List: prefix, spec, keys. */}}
{{- define "stack.refuse" -}}
{{- $prefix := index . 0 }}{{ $spec := index . 1 }}
{{- range index . 2 }}
{{- if get $spec . }}
{{- fail (printf "%s.%s: the stand-in chart does not render this key; use the real chart (meshlab:charts.source)" $prefix .) }}
{{- end }}
{{- end }}
{{- end }}

{{/*
What pods pull with and tolerate. List: root, the part's values, whether it follows global.imagePullSecrets. Of the
subcharts only Grafana's does at 42.2.1.
*/}}
{{- define "stack.pods" -}}
{{- $global := ternary ((index . 0).Values.global.imagePullSecrets | default list) list (index . 2) }}
{{- with concat $global ((index . 1).imagePullSecrets | default list) }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with (index . 1).tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- end }}

{{/* How a sidecar tells Grafana to read a folder again. List: what, the administrator's secret, its keys. */}}
{{- define "stack.grafana.reload" -}}
- name: REQ_USERNAME
  valueFrom: { secretKeyRef: { name: {{ index . 1 }}, key: {{ (index . 2).userKey }} } }
- name: REQ_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ index . 1 }}, key: {{ (index . 2).passwordKey }} } }
- { name: REQ_URL, value: "http://localhost:3000/api/admin/provisioning/{{ index . 0 }}/reload" }
- { name: REQ_METHOD, value: POST }
{{- end }}

{{- define "stack.grafana.sidecar" -}}
{{- with .resources }}
resources: {{ toJson . }}
{{- end }}
{{- with .securityContext }}
securityContext: {{ toJson . }}
{{- end }}
{{- end }}

{{/* An ini file from a map: top-level scalars first, then a section for each map. */}}
{{- define "stack.grafana.ini" -}}
{{- range $key, $value := . }}{{ if not (kindIs "map" $value) }}
{{ $key }} = {{ $value }}
{{- end }}{{ end }}
{{- range $section, $keys := . }}{{ if kindIs "map" $keys }}
[{{ $section }}]
{{- range $key, $value := $keys }}
{{ $key }} = {{ $value }}
{{- end }}
{{- end }}{{ end }}
{{- end }}

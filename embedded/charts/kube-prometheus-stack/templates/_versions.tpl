{{/* What the charts of the stacks run, by component: of the others, what the one before them does. */}}
{{- define "stack.versions" -}}
{{- if semverCompare ">=88.0.0-0" .Chart.Version -}}
prometheus: v3.14.0-distroless
alertmanager: v0.34.0
grafana: 13.2.0
grafanaRepository: docker.io/grafana/grafana
sidecar: 2.10.1
stateMetrics: 2.20.0
nodeExporter: 1.12.1
nodeExporterTag: v1.12.1-distroless
certgen: 1.8.7
certgenRepository: ghcr.io/jkroepke/kube-webhook-certgen
thanos: v0.42.4
{{- else if include "stack.current" . -}}
prometheus: v3.13.1-distroless
alertmanager: v0.33.1
grafana: 13.1.1
grafanaRepository: docker.io/grafana/grafana
sidecar: 2.10.0
stateMetrics: 2.19.1
nodeExporter: 1.12.1
nodeExporterTag: v1.12.1-distroless
certgen: 1.8.5
certgenRepository: ghcr.io/jkroepke/kube-webhook-certgen
thanos: v0.42.2
{{- else -}}
prometheus: v2.39.1
alertmanager: v0.24.0
grafana: 9.3.0
grafanaRepository: grafana/grafana
sidecar: 1.19.2
stateMetrics: 2.7.0
nodeExporter: 1.5.0
nodeExporterTag: v1.5.0
certgen: v1.3.0
certgenRepository: k8s.gcr.io/ingress-nginx/kube-webhook-certgen
thanos: v0.28.1
{{- end }}
{{- end }}

{{/*
An image: the values' registry, repository and tag over the default; a global registry goes before theirs.
List: values, default repository with its registry, default tag, global registry.
*/}}
{{- define "stack.image" -}}
{{- $values := index . 0 | default dict }}
{{- $repository := $values.repository | default (index . 1) }}
{{- with index . 3 | default $values.registry }}{{ $repository = printf "%s/%s" . (regexReplaceAll "^[^/]+[.:][^/]*/" $repository "") }}{{ end }}
{{- printf "%s:%s" $repository ($values.tag | default (index . 2) | toString) }}
{{- end }}

{{/* The global registry, for a part that is a chart of its own: those follow it from the current line on. */}}
{{- define "stack.subchart.registry" -}}
{{- if include "stack.current" . }}{{ .Values.global.imageRegistry }}{{ end }}
{{- end }}

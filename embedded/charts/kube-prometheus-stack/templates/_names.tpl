{{/* "true" from the first release line after the seed's on: where names differ, everything newer follows 88.5.3. */}}
{{- define "stack.current" -}}
{{- if semverCompare ">=43.0.0-0" .Chart.Version }}true{{ end }}
{{- end }}

{{- define "stack.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* Prefix of the stack's own objects: cut at 26 characters, and the bare release name if that has the chart's in it. */}}
{{- define "stack.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name }}
{{- $joined := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- .Values.fullnameOverride | default $joined | trunc 26 | trimSuffix "-" }}
{{- end }}

{{/* Name of a part that is a chart of its own in the real one. Takes a list: the root, the part. */}}
{{- define "stack.part" -}}
{{- $root := index . 0 }}{{ $part := index . 1 }}
{{- $own := (get $root.Values $part | default dict).fullnameOverride }}
{{- $own | default (ternary $root.Release.Name (printf "%s-%s" $root.Release.Name $part) (contains $part $root.Release.Name)) | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "stack.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{- define "stack.labels" -}}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.Version | replace "+" "_" | quote }}
app.kubernetes.io/part-of: {{ include "stack.name" . }}
chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
release: {{ .Release.Name | quote }}
heritage: {{ .Release.Service | quote }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels that 42.2.1 has on service accounts alone, 88.5.3 on everything of the operator. List: root, component, name. */}}
{{- define "stack.component" -}}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/name: {{ include "stack.name" (index . 0) }}-{{ index . 2 }}
{{- end }}

{{- define "stack.operator.labels" -}}
app: {{ include "stack.name" . }}-operator
{{ include "stack.labels" . }}
{{- if include "stack.current" . }}
{{ include "stack.component" (list . "prometheus-operator" "prometheus-operator") }}
{{- end }}
{{- end }}

{{- define "stack.webhook.labels" -}}
{{ include "stack.labels" . }}
{{- if include "stack.current" . }}
{{ include "stack.component" (list . "prometheus-operator-webhook" "prometheus-operator") }}
{{- end }}
{{- end }}

{{- define "stack.grafana.selector" -}}
app.kubernetes.io/name: grafana
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "stack.grafana.labels" -}}
{{ include "stack.grafana.selector" . }}
app.kubernetes.io/version: {{ (include "stack.versions" . | fromYaml).grafana | quote }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- if not (include "stack.current" .) }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- end }}

{{/* The exporters' labels. List: root, part, version. */}}
{{- define "stack.exporter.labels" -}}
{{- $root := index . 0 }}
{{- include "stack.exporter.selector" . }}
app.kubernetes.io/component: metrics
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: {{ index . 1 }}
app.kubernetes.io/version: {{ index . 2 | quote }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version | replace "+" "_" }}
release: {{ $root.Release.Name }}
{{- end }}

{{- define "stack.exporter.selector" -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end }}

{{- define "kiali.current" -}}
{{- if semverCompare ">=2.0.0-0" .Chart.Version }}true{{ end }}
{{- end }}

{{- define "kiali.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "kiali.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name }}
{{- $joined := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- .Values.fullnameOverride | default $joined | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "kiali.selector" -}}
app.kubernetes.io/name: {{ include "kiali.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kiali.labels" -}}
{{ include "kiali.selector" . }}
app: {{ include "kiali.name" . }}
version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: kiali-operator
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- if not (include "kiali.current" .) }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- end }}

{{/* What a Kiali asks for when nothing is said: "all namespaces" is spelled differently from 2.x on. */}}
{{- define "kiali.spec" -}}
{{- $all := ternary (dict "cluster_wide_access" true) (dict "accessible_namespaces" (list "**")) (eq (include "kiali.current" .) "true") }}
{{- .Values.cr.spec | default (dict "deployment" $all) | toJson }}
{{- end }}

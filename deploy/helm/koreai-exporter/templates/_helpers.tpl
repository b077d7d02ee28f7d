{{- define "koreai-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* 52 characters: a StatefulSet's pods get -ORDINAL and a revision hash in a label of 63. */}}
{{- define "koreai-exporter.fullname" -}}
{{- $name := include "koreai-exporter.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "koreai-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "koreai-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "koreai-exporter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "koreai-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: exporter
app.kubernetes.io/part-of: {{ include "koreai-exporter.name" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "koreai-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "koreai-exporter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "koreai-exporter.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "koreai-exporter.configMapName" -}}
{{- default (include "koreai-exporter.fullname" .) .Values.existingConfigMap -}}
{{- end -}}

{{- define "koreai-exporter.scheme" -}}
{{- if .Values.web.tls.existingSecret -}}https
{{- else if .Values.web.configSecret.name -}}{{ .Values.web.configSecret.scheme }}
{{- else -}}http
{{- end -}}
{{- end -}}

{{/* The path of --web.external-url, which prefixes every path; empty without one. */}}
{{- define "koreai-exporter.pathPrefix" -}}
{{- with .Values.web.externalUrl -}}
{{- if hasPrefix "/" . -}}{{ trimSuffix "/" . }}{{- else -}}{{ (urlParse .).path | trimSuffix "/" }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "koreai-exporter.webConfigPath" -}}
{{- if .Values.web.tls.existingSecret -}}/etc/koreai_exporter/web.yml
{{- else if .Values.web.configSecret.name -}}/run/secrets/{{ .Values.web.configSecret.name }}/{{ .Values.web.configSecret.key }}
{{- end -}}
{{- end -}}

{{/* Names of all Secrets to mount, each once. */}}
{{- define "koreai-exporter.secretNames" -}}
{{- $names := .Values.secrets -}}
{{- with .Values.web.tls.existingSecret }}{{ $names = append $names . }}{{ end -}}
{{- with .Values.web.configSecret.name }}{{ $names = append $names . }}{{ end -}}
{{- toJson ($names | uniq) -}}
{{- end -}}

{{/* What a probe asks. A kubelet has no client certificate: where one is required, an open port is all it can see. */}}
{{- define "koreai-exporter.probe" -}}
{{- if and .root.Values.web.tls.existingSecret .root.Values.web.tls.requireClientCert -}}
tcpSocket:
  port: http
{{- else -}}
httpGet:
  path: {{ include "koreai-exporter.pathPrefix" .root }}{{ .path }}
  port: http
  scheme: {{ include "koreai-exporter.scheme" .root | upper }}
{{- end -}}
{{- end -}}

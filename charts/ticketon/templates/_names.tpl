{{- define "ticketon.labels" -}}
app.kubernetes.io/name: ticketon
app.kubernetes.io/component: operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: ticketon
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "ticketon.selector" -}}
app.kubernetes.io/name: ticketon
app.kubernetes.io/component: operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ticketon.name" -}}
{{ printf "%s-operator" .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Rights over the whole cluster are named by the namespace as well: two installations may share a release's name. */ -}}
{{- define "ticketon.clusterName" -}}
{{ printf "%s-%s-operator" .Release.Namespace .Release.Name }}
{{- end }}

{{- /* (dict "root" . "given" image.operator "name" "operator") */ -}}
{{- define "ticketon.image" -}}
{{- if .given }}{{ .given }}{{ else }}{{ printf "%s/%s:%s" .root.Values.image.registry .name (.root.Values.image.tag | default .root.Chart.AppVersion) }}{{ end }}
{{- end }}

{{- define "ticketon.connectionsSecret" -}}
{{- if .Values.connections.existingSecret }}{{ .Values.connections.existingSecret }}
{{- else if or .Values.connections.redis.url .Values.connections.postgres.url .Values.connections.kafka.bootstrapServers }}{{ printf "%s-connections" .Release.Name }}
{{- end }}
{{- end }}

{{- /* The labels of a component: podflame.labels, and those that select its pods. Takes the root and a name. */ -}}
{{- define "podflame.selector" -}}
app.kubernetes.io/name: podflame
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "podflame.labels" -}}
{{ include "podflame.selector" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "podflame.metadata" -}}
name: {{ .root.Release.Name }}-{{ .component }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "podflame.labels" . | nindent 2 }}
{{- end }}

{{- define "podflame.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "podflame.priorityClass" -}}
{{ if .Values.agent.priorityClass.create }}{{ .Release.Name }}-agent{{ else }}{{ .Values.agent.priorityClass.name }}{{ end }}
{{- end }}

{{- /* A secret's directory in a pod, which follows the secret when it changes. */ -}}
{{- define "podflame.tokenMount" -}}
- name: token
  mountPath: /etc/podflame
  readOnly: true
{{- end }}

{{- define "podflame.tokenVolume" -}}
- name: token
  secret:
    secretName: {{ .Values.agent.tokenSecret.name }}
    items:
      - key: {{ .Values.agent.tokenSecret.key }}
        path: token
{{- end }}

{{- /* What a schema cannot say: rules that take back each other, and labels that nobody tells. */ -}}
{{- define "podflame.checkRules" -}}
{{- range .Values.agent.select }}
{{- if has . $.Values.agent.drop }}
{{- fail (printf "agent.select and agent.drop both have the rule '%s': only one of them can be meant" .) }}
{{- end }}
{{- end }}
{{- if and .Values.agent.sendLabels (not .Values.agent.kubelet.enabled) }}
{{- fail "agent.sendLabels needs agent.kubelet.enabled: only the kubelet tells labels of pods" }}
{{- end }}
{{- end }}

{{- define "podflame.port" -}}
{{- $url := urlParse . -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{ $port | default (eq $url.scheme "https" | ternary "443" "80") }}
{{- end }}

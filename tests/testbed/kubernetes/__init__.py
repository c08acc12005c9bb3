# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes of one node, made of real parts, in namespaces of its own.

programs   the release's programs and CoreDNS, built by Go, cached
pki        its certificates, and who may log in with which
machine    the namespaces, folders and control groups that the node lives in
control    etcd, API server, controller manager, scheduler
node       containerd, kubelet, kube-proxy
oci        images, made of Debian packages and of what was built here
cluster    all of it, up, with a kubectl
"""

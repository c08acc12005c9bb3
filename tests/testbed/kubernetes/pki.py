# SPDX-License-Identifier: Apache-2.0
"""The certificates of a cluster, by openssl, and the kubeconfigs that log in with them."""

import json
import subprocess

DAYS = "7"
# Whom RBAC knows, by file: common name and organisation. The bootstrap roles of the API server are for them.
CLIENTS = {
    "admin": ("admin", "system:masters"),
    "apiserver-kubelet": ("kube-apiserver-kubelet-client", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", None),
    "scheduler": ("system:kube-scheduler", None),
    "proxy": ("system:kube-proxy", None),
    "kubelet": ("system:node:%s", "system:nodes"),
}


class Pki:
    def __init__(self, folder, node, address, service_address, server):
        self.folder, self.server = folder, server
        folder.mkdir()
        self.openssl("req", "-x509", "-subj", "/CN=podflame-test", "-days", DAYS, *self.new_key("ca"), "-out", self.path("ca.crt"),
                     "-addext", "keyUsage=critical,keyCertSign,digitalSignature")
        for name, (who, group) in CLIENTS.items():
            who = who % node if "%s" in who else who
            self.issue(name, "/CN=%s" % who if group is None else "/O=%s/CN=%s" % (group, who))
            self.write_kubeconfig(name)
        self.issue("apiserver", "/CN=kube-apiserver",
                   "IP:127.0.0.1,IP:%s,IP:%s,DNS:kubernetes.default.svc" % (address, service_address))
        self.node_names = "IP:127.0.0.1,IP:%s,DNS:%s" % (address, node)
        self.issue("kubelet-server", "/CN=system:node:%s" % node, self.node_names)
        self.openssl("genrsa", "-out", self.path("accounts.key"), "2048")
        self.openssl("rsa", "-in", self.path("accounts.key"), "-pubout", "-out", self.path("accounts.pub"))

    def path(self, name):
        return str(self.folder / name)

    def openssl(self, *words):
        done = subprocess.run(["openssl", *words], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError("openssl %s: %s" % (words[0], done.stderr))

    def new_key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", self.path(name + ".key")]

    def issue(self, name, subject, names=None):
        """A key and a certificate; one that is there is replaced."""
        extensions = "keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth,serverAuth\n"
        (self.folder / (name + ".ext")).write_text(extensions + ("subjectAltName=%s\n" % names if names else ""))
        self.openssl("req", "-new", "-subj", subject, *self.new_key(name), "-out", self.path(name + ".csr"))
        self.openssl("x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.path("ca.crt"), "-CAkey", self.path("ca.key"),
                     "-CAcreateserial", "-days", DAYS, "-extfile", self.path(name + ".ext"), "-out", self.path(name + ".crt"))

    def write_kubeconfig(self, name):
        user = {"client-certificate": self.path(name + ".crt"), "client-key": self.path(name + ".key")}
        (self.folder / (name + ".conf")).write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": self.server, "certificate-authority": self.path("ca.crt")}}],
            "users": [{"name": "it", "user": user}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}]}))

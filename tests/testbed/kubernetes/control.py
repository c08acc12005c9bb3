# SPDX-License-Identifier: Apache-2.0
"""The control plane: etcd, API server, controller manager, scheduler."""

SERVICES, SERVICE_ADDRESS, DNS_ADDRESS = "10.96.0.0/16", "10.96.0.1", "10.96.0.10"
SERVER = "https://127.0.0.1:6443"


def etcd(home):
    return ["etcd", "--name=node", "--data-dir=/var/lib/etcd", "--listen-peer-urls=http://127.0.0.1:2380",
            "--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379"]


def apiserver(programs, pki, address):
    return [programs / "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", "--advertise-address=" + address,
            "--secure-port=6443", "--client-ca-file=" + pki.path("ca.crt"), "--tls-cert-file=" + pki.path("apiserver.crt"),
            "--tls-private-key-file=" + pki.path("apiserver.key"),
            "--kubelet-client-certificate=" + pki.path("apiserver-kubelet.crt"),
            "--kubelet-client-key=" + pki.path("apiserver-kubelet.key"),
            "--kubelet-certificate-authority=" + pki.path("ca.crt"),
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + pki.path("accounts.pub"),
            "--service-account-signing-key-file=" + pki.path("accounts.key"), "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction", "--service-cluster-ip-range=" + SERVICES, "--allow-privileged=true"]


def controller_manager(programs, pki):
    return [programs / "kube-controller-manager", "--kubeconfig=" + pki.path("controller-manager.conf"),
            "--authentication-skip-lookup=true", "--leader-elect=false", "--root-ca-file=" + pki.path("ca.crt"),
            "--service-account-private-key-file=" + pki.path("accounts.key"), "--use-service-account-credentials=true"]


def scheduler(programs, pki):
    return [programs / "kube-scheduler", "--kubeconfig=" + pki.path("scheduler.conf"), "--authentication-skip-lookup=true",
            "--leader-elect=false"]

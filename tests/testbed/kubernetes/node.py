# SPDX-License-Identifier: Apache-2.0
"""The node's part: containerd, kubelet, kube-proxy, the network of pods, by Debian's CNI plugins, and its policies."""

import json

from ..kubelet import CRI
from .control import DNS_ADDRESS, SERVICES
from .machine import ADDRESS, NAME
from .oci import PAUSE

PODS = "10.244.0.0/24"
PORT = 10250
RUNTIME = "/run/containerd/containerd.sock"
MANIFESTS = "/var/lib/kubelet/manifests"

# The file systems below are in memory, where overlays are allowed whatever the machine's own disk has.
CONTAINERD = """
version = 2
disabled_plugins = ["io.containerd.internal.v1.opt"]
""" + CRI + """[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{home}/cni"
"""


def network():
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [
        {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "hairpinMode": True,
         "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}},
        {"type": "portmap", "capabilities": {"portMappings": True}}]}


def kubelet_config(home, pki, group):
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True, "cacheTTL": "1s"},
                           "x509": {"clientCAFile": pki.path("ca.crt")}},
        "authorization": {"mode": "Webhook", "webhook": {"cacheAuthorizedTTL": "1s", "cacheUnauthorizedTTL": "1s"}},
        "tlsCertFile": pki.path("kubelet-server.crt"), "tlsPrivateKeyFile": pki.path("kubelet-server.key"),
        "cgroupDriver": "cgroupfs", "cgroupRoot": "/" + group, "failCgroupV1": False, "enforceNodeAllocatable": [],
        "localStorageCapacityIsolation": False, "oomScoreAdj": 0, "failSwapOn": False,
        "containerRuntimeEndpoint": "unix://" + RUNTIME, "staticPodPath": MANIFESTS,
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        "clusterDNS": [DNS_ADDRESS], "clusterDomain": "cluster.local", "resolvConf": str(home / "resolv.conf"),
        # The machine's disk is not the test's subject.
        "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0%", "imagefs.available": "0%", "nodefs.inodesFree": "0%"},
        "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
        "nodeStatusUpdateFrequency": "4s", "syncFrequency": "10s",
    }


def proxy_config(pki, mode):
    # What belongs to the whole machine is left as it is.
    return {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": mode,
            "clientConnection": {"kubeconfig": pki.path("proxy.conf")}, "clusterCIDR": PODS, "hostnameOverride": NAME,
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
            "nodePortAddresses": ["primary"] if mode == "nftables" else []}


def write(home, pki, group, mode):
    """The files that the commands below read."""
    (home / "cni").mkdir()
    (home / "cni/pods.conflist").write_text(json.dumps(network()))
    (home / "containerd.toml").write_text(CONTAINERD.format(pause=PAUSE, home=home))
    (home / "kubelet.json").write_text(json.dumps(kubelet_config(home, pki, group)))
    (home / "proxy.json").write_text(json.dumps(proxy_config(pki, mode)))
    (home / "resolv.conf").write_text("nameserver 127.0.0.1\n")


def containerd(home):
    return ["containerd", "--config", home / "containerd.toml"]


def kubelet(programs, home, pki):
    return [programs / "kubelet", "--config", home / "kubelet.json", "--kubeconfig", pki.path("kubelet.conf"),
            "--hostname-override=" + NAME, "--node-ip=" + ADDRESS]


def proxy(programs, home):
    return [programs / "kube-proxy", "--config", home / "proxy.json"]


def router(program, pki):
    """It enforces network policies; routes and Services are the work of others here."""
    return [program, "--kubeconfig=" + pki.path("admin.conf"), "--hostname-override=" + NAME, "--run-firewall=true",
            "--run-router=false", "--run-service-proxy=false", "--enable-cni=false", "--health-port=0",
            "--service-cluster-ip-range=" + SERVICES]

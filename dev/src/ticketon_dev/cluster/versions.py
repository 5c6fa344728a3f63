"""The versions of everything that the developers' cluster is made of, in one place. Pure."""

KUBERNETES = "v1.34.4"  # with go.mod of dev/localcluster, which pins etcd and CoreDNS too
TRAEFIK = "v3.7.13"
GATEWAY_API = "v1.6.1"  # Traefik 3.7 waits for TLSRoute, which 1.4 lacks in the standard channel
HELM = "v4.3.1"
KIND = "v0.33.0"
METRICS_SERVER = "v0.9.0"

OLDEST_HELM = (3, 18)
OLDEST_KIND = (0, 27)

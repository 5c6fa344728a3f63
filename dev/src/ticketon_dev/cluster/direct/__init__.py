"""Upstream Kubernetes run directly on a Debian machine, as root, without a container engine or an image registry.

The pure half: `layout` (names, addresses, files), `certificates` (who gets which), `configuration` and `components`
(files and flags), `requirements` (what the machine lacks), `removal` (what of the machine is ours to take away).
The thin half, one module an outside system: `authority` (cryptography), `processes` (/proc, signals), `network`
(ip, iptables, sysctl), `runtime` (containerd), `toolchain` (go), `packages` (apt). `node` puts them in order.
"""

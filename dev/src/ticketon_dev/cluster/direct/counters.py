"""The kernel's named packet counters (nfnetlink_acct): the only module that speaks netlink.

kube-proxy makes two and leaves them behind. Few machines have the command for them, and two messages are all it takes.
"""

import socket
import struct
from collections.abc import Iterable, Iterator

#: Their names in kube-proxy's source; a machine runs one kube-proxy, as with its chains.
KUBE_PROXYS = ("ct_state_invalid_dropped_pkts", "localhost_nps_accepted_pkts")

# linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nfnetlink_acct.h
NETLINK_NETFILTER = 12
SUBSYSTEM_ACCT = 7
GET, DELETE = 1, 3
REQUEST, ACK, DUMP = 0x01, 0x04, 0x300
ERROR, DONE = 2, 3
NAME = 1
MESSAGE_HEADER = struct.Struct("=LHHLL")  # length, type, flags, sequence, port
FAMILY_HEADER = struct.pack("=BBH", 0, 0, 0)  # any family, version, resource
ATTRIBUTE_HEADER = struct.Struct("=HH")  # length, type
ANSWER_SECONDS = 2.0
ANSWER_BYTES = 65536


def remove(names: Iterable[str] = KUBE_PROXYS) -> None:
    """Delete the counters that are there. One that a rule still counts with stays, and so says the kernel."""
    for name in names:
        _asked(DELETE, ACK, _attribute(NAME, name.encode() + b"\0"))


def names() -> set[str]:
    """Return the counters of this network namespace; none where the kernel has no such thing."""
    found = set()
    for kind, body in _asked(GET, DUMP):
        if kind == SUBSYSTEM_ACCT << 8:
            (length, _) = ATTRIBUTE_HEADER.unpack_from(body, len(FAMILY_HEADER))  # the name comes first
            start = len(FAMILY_HEADER) + ATTRIBUTE_HEADER.size
            found.add(body[start : len(FAMILY_HEADER) + length].rstrip(b"\0").decode())
    return found


def _asked(command: int, flags: int, attributes: bytes = b"") -> list[tuple[int, bytes]]:
    """Send one request, and return the messages of its answer as (type, body)."""
    body = FAMILY_HEADER + attributes
    header = MESSAGE_HEADER.pack(MESSAGE_HEADER.size + len(body), SUBSYSTEM_ACCT << 8 | command, REQUEST | flags, 1, 0)
    answers: list[tuple[int, bytes]] = []
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
            kernel.settimeout(ANSWER_SECONDS)
            kernel.send(header + body)
            while not any(kind in {ERROR, DONE} for kind, _ in answers):
                answers += messages(kernel.recv(ANSWER_BYTES))
    except OSError:  # a kernel without netfilter's netlink has no counters either
        return []
    return answers


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Take what one read gave apart, as (type, body)."""
    while len(data) >= MESSAGE_HEADER.size:
        length, kind, *_ = MESSAGE_HEADER.unpack_from(data)
        yield kind, data[MESSAGE_HEADER.size : length]
        data = data[_aligned(length) :]


def _attribute(kind: int, value: bytes) -> bytes:
    length = ATTRIBUTE_HEADER.size + len(value)
    return ATTRIBUTE_HEADER.pack(length, kind) + value.ljust(_aligned(length) - ATTRIBUTE_HEADER.size, b"\0")


def _aligned(length: int) -> int:
    return -(-length // 4) * 4

"""What can go wrong outside, as the operator speaks of it. Pure.

OperatorError
├── ClusterError                 the Kubernetes API
│   ├── ClusterUnavailableError  it does not answer, or asks to come back: try again later
│   ├── ConflictError            somebody else changed, made or owns the object: read it again
│   ├── ForbiddenError           a right is missing: the text says which
│   ├── InvalidObjectError       the API server refuses the object: trying again changes nothing
│   ├── NotThereError            what was to be written, or its namespace, is gone
│   └── UnknownKindError         the cluster does not serve this kind
├── ConnectionsError             a connections Secret, or a key of it, is missing
├── KafkaUnavailableError        the brokers do not answer
├── TopicsError                  the brokers answer, and refuse
└── RedisUnavailableError        Redis does not answer

Texts are shown to people in conditions and Events: they say what to do and hold no secret.
"""


class OperatorError(Exception):
    """The root of everything that callers of this package's seams may meet."""


class ClusterError(OperatorError):
    """The Kubernetes API refused or failed."""


class ClusterUnavailableError(ClusterError):
    pass


class ConflictError(ClusterError):
    pass


class ForbiddenError(ClusterError):
    pass


class InvalidObjectError(ClusterError):
    pass


class NotThereError(ClusterError):
    pass


class UnknownKindError(ClusterError):
    pass


class ConnectionsError(OperatorError):
    pass


class KafkaUnavailableError(OperatorError):
    pass


class TopicsError(OperatorError):
    pass


class RedisUnavailableError(OperatorError):
    pass

"""Where an object differs from what was applied: ``differences``. Pure.

Only what the manifest says is compared: defaults that the API server filled in, fields that others own and items that
an admission controller added to a named list are no drift. A false positive costs one apply that changes nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

#: Fields by which items of a list are told apart, in the order they are looked for.
_ITEM_KEYS = ("name", "mountPath", "containerPort", "topologyKey", "uid", "host", "port")


def differences(desired: Any, observed: Any, path: str = "") -> Iterator[str]:
    """Yield the paths where ``observed`` does not hold what ``desired`` says, as in ``spec.type``."""
    if isinstance(desired, Mapping):
        if not isinstance(observed, Mapping):
            # The API server drops empty maps and lists.
            if desired or observed:
                yield path
            return
        for key, value in desired.items():
            yield from differences(value, observed.get(key), f"{path}.{key}" if path else key)
    elif isinstance(desired, list):
        yield from _list_differences(desired, observed if isinstance(observed, list) else [], path)
    elif desired != observed and not _same_quantity(desired, observed):
        yield path


def _list_differences(desired: list[Any], observed: list[Any], path: str) -> Iterator[str]:
    key = _item_key(desired)
    if key is None:
        if len(desired) != len(observed):
            yield path
            return
        for index, (left, right) in enumerate(zip(desired, observed, strict=True)):
            yield from differences(left, right, f"{path}[{index}]")
        return
    by_key = {item[key]: item for item in observed if isinstance(item, Mapping) and key in item}
    for item in desired:
        label = f"{path}[{item[key]}]"
        if item[key] in by_key:
            yield from differences(item, by_key[item[key]], label)
        else:
            yield label


def _item_key(items: list[Any]) -> str | None:
    for key in _ITEM_KEYS:
        if items and all(isinstance(item, Mapping) and key in item for item in items):
            return key
    return None


def _same_quantity(desired: Any, observed: Any) -> bool:
    """The API server may hand back ``1`` for ``"1"``, or ``500m`` for ``"0.5"``."""
    left, right = _quantity(desired), _quantity(observed)
    return left is not None and left == right


_SUFFIXES = {
    "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40,
}  # fmt: skip


def _quantity(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value)
    digits = text.rstrip("mkMGTi")
    suffix = text[len(digits) :]
    try:
        return float(digits) * _SUFFIXES[suffix]
    except (ValueError, KeyError):
        return None

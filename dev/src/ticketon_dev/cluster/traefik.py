"""The ingress controller from its Go module. The edits are pure; `golang` builds.

A plain `go install` of it fails where only module proxies are reached, for three reasons, mended below one by one.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from ticketon_dev.cluster import golang, versions
from ticketon_dev.errors import SetupError
from ticketon_dev.progress import Step

MODULE = "github.com/traefik/traefik/v3"

# The pinned commit of this fork is served by no proxy; an older one of the same fork is.
FORK = "github.com/abbot/go-http-auth=github.com/containous/go-http-auth@v0.4.1-0.20200324110947-a37a7636d23e"


@dataclass(frozen=True)
class Edit:
    """A text that must stand in the file exactly once, and what stands there instead."""

    file: str
    old: str
    new: str


# ACME's DNS-01 providers pull in the SDKs of all clouds, some of which no proxy serves. Nothing here asks for ACME.
EDITS = (
    Edit("pkg/provider/acme/provider.go", '\t"github.com/go-acme/lego/v5/providers/dns"\n', ""),
    Edit(
        "pkg/provider/acme/provider.go",
        "provider, err = dns.NewDNSChallengeProviderByName(p.DNSChallenge.Provider)",
        'err = fmt.Errorf("built without ACME DNS-01 providers: %s", p.DNSChallenge.Provider)',
    ),
)
# A module nested in the repository, and so absent from the module's zip: its two types are empty in the open edition.
NESTED = {
    "pkg/config/dynamic/ext/go.mod": "module github.com/traefik/traefik/dynamic/ext\n\ngo 1.22\n",
    "pkg/config/dynamic/ext/ext.go": "package ext\n\ntype (\n\tHTTP   struct{}\n\tRouter struct{}\n)\n",
}


def edited(text: str, edit: Edit) -> str:
    """Apply one edit; raises SetupError when the text is not the one that it was written for."""
    if text.count(edit.old) != 1:
        raise SetupError(
            f"Traefik {versions.TRAEFIK}'s {edit.file} is not as expected: mend EDITS in cluster/traefik.py"
        )
    return text.replace(edit.old, edit.new)


def recipe() -> str:
    """Everything besides the version that decides the binary, for the name of its folder in the cache."""
    return repr((FORK, EDITS, NESTED, golang.BUILD_FLAGS))


def build(output: Path, step: Step, log: Path) -> None:
    """Build the controller into the file; needs some minutes of both cores."""
    step.doing = "downloading"
    source = golang.module_source(MODULE, versions.TRAEFIK)
    copy = output.parent / "source"
    shutil.copytree(source, copy)
    for path in copy.rglob("*"):
        path.chmod(path.stat().st_mode | 0o200)  # the module cache is read-only, and the copy would be too
    for edit in EDITS:
        file = copy / edit.file
        file.write_text(edited(file.read_text(), edit))
    for name, text in NESTED.items():
        file = copy / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    golang.edit_module(copy, "-replace", FORK)
    linker = [f"-X {MODULE}/pkg/version.Version={versions.TRAEFIK.removeprefix('v')}"]
    golang.build(copy, "./cmd/traefik", output, step, log, linker=linker, modules="mod")
    shutil.rmtree(copy)

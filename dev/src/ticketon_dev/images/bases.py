"""Base images where no image registry is reached, from Debian's packages: the only module that calls mmdebstrap."""

import shlex
from pathlib import Path

from ticketon_dev.command import run_watched
from ticketon_dev.images.recipes import USER_ID
from ticketon_dev.progress import Step

SUITE = "bookworm"
SNAPSHOT = "1700000000"  # the files' times at the latest: the same packages give the same archive

# Never read in a container: a third of what the packages weigh.
LEFT_OUT = (
    "/usr/share/man/*",
    "/usr/share/doc/*",
    "/usr/share/doc-base/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/locale/*",
    "/usr/share/i18n/*",
    "/usr/lib/x86_64-linux-gnu/gconv/*",
)
LEFT_OUT_OF = {
    # Postgres compiles queries only when jit is on, and the flat JVM archive serves heaps above 32 GB.
    "stores": (
        "/usr/lib/llvm-14/*",
        "/usr/lib/x86_64-linux-gnu/libLLVM*",
        "/usr/lib/x86_64-linux-gnu/libz3*",
        "/usr/lib/postgresql/15/lib/bitcode/*",
        "/usr/lib/postgresql/15/lib/llvmjit*",
        "/usr/lib/jvm/*/lib/server/classes_nocoops.jsa",
    ),
}
# Java's package links its manual pages, left out above, and fails where their folders are missing; Postgres' makes a
# cluster of its own unless told not to.
BEFORE = (
    'mkdir -p "$1/usr/share/man/man1" "$1/usr/share/man/man7" "$1/etc/postgresql-common"',
    'echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"',
)
# Perl's library serves the installing of packages, which ends here. initdb refuses a user without a name.
AFTER = (
    'rm -rf "$1/usr/share/perl" "$1/usr/lib/x86_64-linux-gnu/perl"',
    f'echo "ticketon:x:{USER_ID}:{USER_ID}::/tmp:/usr/sbin/nologin" >> "$1/etc/passwd"',
    f'echo "ticketon:x:{USER_ID}:" >> "$1/etc/group"',
    'rm -rf "$1"/var/cache/* "$1"/var/lib/apt/lists/* "$1"/var/log/*',
)


def packages(listing: str) -> list[str]:
    """Return the packages that a list names, a line each, without its comments."""
    lines = (line.split("#", 1)[0].strip() for line in listing.splitlines())
    return sorted(line for line in lines if line)


def command(name: str, wanted: list[str], output: Path) -> list[str]:
    """Return the command that makes the archive: essential packages, without a package manager, and the wanted ones."""
    excluded = (*LEFT_OUT, *LEFT_OUT_OF.get(name, ()))
    return [
        "mmdebstrap",
        "--variant=essential",
        "--mode=root",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in excluded),
        "--aptopt=Acquire::Languages none",
        *(f"--essential-hook={hook}" for hook in BEFORE),
        *(f"--customize-hook={hook}" for hook in AFTER),
        f"--include={','.join(wanted)}",
        SUITE,
        str(output),
    ]


def make_archive(name: str, wanted: list[str], output: Path, step: Step, log: Path) -> None:
    """Make a base image's root file system as a tar archive."""
    argv = command(name, wanted, output)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        file.write(shlex.join(argv) + "\n")
    run_watched(argv, step.note, log=log, environment={"SOURCE_DATE_EPOCH": SNAPSHOT})

"""A real Postgres server of Debian's. It refuses to run as root, so root runs it as the user `postgres`."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from ticketon_dev.progress import Progress
from ticketon_dev.stores.debian import ensure_package
from ticketon_dev.stores.process import StoreError, StoreServer

USER = "ticketon"
ACCOUNT = "postgres"  # Debian's package makes it
MAX_CONNECTIONS = 200  # several services' pools, and the tests' own
# What a crash of the machine would lose is of no interest to a test. Commits stay synchronous: without, what was
# acknowledged waits in the server's own memory, and killing it would lose that.
FAST = {"fsync": "off", "full_page_writes": "off"}


def _programs() -> Path | None:
    """Find the folder of the newest Postgres: Debian keeps each version's programs apart and off the PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda found: int(found.parts[-3]))
    if versions:
        return versions[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def ensure_postgres(progress: Progress) -> None:
    """Put Postgres on the machine if it is missing; SetupError where that cannot be done."""
    ensure_package("postgresql", present=lambda: _programs() is not None, progress=progress)


class PostgresServer(StoreServer):
    """Postgres over TCP with trust on loopback; `url` is the database `ticketon`, `database_url` any other."""

    name: ClassVar[str] = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # the fast shutdown: clients are cut off, data is safe

    @property
    def url(self) -> str:
        """Address of the database that always exists."""
        return self.database_url(USER)

    def database_url(self, database: str) -> str:
        """Give the address of a database of this server."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def create_database(self, database: str) -> str:
        """Make a database and give its URL; one of that name is an error."""
        self._sql(f'CREATE DATABASE "{database}"')
        return self.database_url(database)

    def drop_database(self, database: str) -> None:
        """Drop a database, cutting off whoever is connected; one that is not there is fine."""
        self._sql(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def account(self) -> str | None:
        """Root hands over to Debian's postgres user."""
        return ACCOUNT if os.geteuid() == 0 else None

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def prepare(self) -> None:
        """Make the cluster of databases at the first start."""
        if (self._data / "PG_VERSION").exists():
            return
        shutil.rmtree(self._data, ignore_errors=True)  # what an interrupted initdb left
        self._data.mkdir(mode=0o700)
        if self.account():
            self._give_data_away()
        arguments = ["-D", str(self._data), "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        made = self._run("initdb", *arguments, "--no-sync")
        if made.returncode:
            raise StoreError(f"initdb failed in {self._data}: {made.stderr.strip()}")

    def _give_data_away(self) -> None:
        shutil.chown(self._data, ACCOUNT, ACCOUNT)
        closed = [folder for folder in self._data.parents if not folder.stat().st_mode & 0o001]
        if closed:
            raise StoreError(
                f"the user {ACCOUNT}, as whom root runs Postgres, may not enter {closed[-1]}: "
                "choose a data folder outside of it"
            )

    def command(self) -> Sequence[str]:
        """Give the server's command line: TCP on loopback only, no socket file."""
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": str(MAX_CONNECTIONS),
            "timezone": "UTC",
            "jit": "off",
            **({} if self.durable else FAST),
        }
        options = (word for key, value in settings.items() for word in ("-c", f"{key}={value}"))
        return [self._program("postgres"), "-D", str(self._data), *options]

    def answers(self) -> bool:
        """Whether a session opens; the database of our own name is made on the way, for initdb does not."""
        if self._run("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)).returncode:
            return False
        made = self._run(
            "createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "--maintenance-db=postgres", USER
        )
        return made.returncode == 0 or "already exists" in made.stderr

    def _sql(self, statement: str) -> None:
        done = self._run(
            "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.database_url("postgres"), "-c", statement
        )
        if done.returncode:
            raise StoreError(f"Postgres refused {statement}: {done.stderr.strip()}")

    def _program(self, name: str) -> str:
        folder = _programs()
        if folder is None:
            raise StoreError("postgres is missing: run `python -m ticketon_dev.stores --ensure`")
        return str(folder / name)

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._program(program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            user=self.account(),
            group=self.account(),
            extra_groups=[] if self.account() else None,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )

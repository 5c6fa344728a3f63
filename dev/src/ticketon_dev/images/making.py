"""Makes images: lays out a context, builds its Dockerfile on its base, skips whatever is as it was."""

import io
import shutil
from dataclasses import dataclass
from pathlib import Path

from ticketon_dev.images import bases, site
from ticketon_dev.images.dependencies import closure, restricted_lock
from ticketon_dev.images.engines import BuildJob, Engine
from ticketon_dev.images.recipes import RECIPES, Recipe, fingerprint, reference, source_files
from ticketon_dev.locations import Locations
from ticketon_dev.progress import Progress, Step
from ticketon_dev.stores.kafka_distribution import KAFKA_VERSION, ensure_distribution


@dataclass(frozen=True)
class Workshop:
    """What the making of images needs: places, the engine, and whether bases come from a registry or from packages."""

    at: Locations
    engine: Engine
    registry_reached: bool

    @property
    def recipes(self) -> Path:
        return self.at.checkout / "dev" / "images"

    @property
    def log(self) -> Path:
        return self.at.build / "images" / "build.log"


def make(workshop: Workshop, names: list[str], progress: Progress) -> dict[str, str]:
    """Make the images that are not as their sources say, and return the reference of each."""
    return {name: make_one(workshop, RECIPES[name], progress) for name in names}


def make_one(workshop: Workshop, recipe: Recipe, progress: Progress) -> str:
    checkout = workshop.at.checkout
    base = base_reference(workshop, recipe.base)
    lock = dependencies_of(checkout, recipe)
    files = [(recipe.dockerfile, (checkout / recipe.dockerfile).read_bytes())]
    files += [(name, (checkout / name).read_bytes()) for name in recipe.files]
    files += [file for member in recipe.members for file in source_files(checkout, member)]
    made = reference(recipe.name, fingerprint({"base": base, "lock": lock}, files))
    if not workshop.engine.has(made):
        ensure_base(workshop, recipe.base, progress)
        with progress.step(f"image {recipe.name}") as step:
            context = lay_out(workshop, recipe, lock, step)
            step.doing = "building"
            job = BuildJob(checkout / recipe.dockerfile, context, made, {"BASE_IMAGE": base})
            workshop.engine.build(job, step, workshop.log)
            workshop.engine.tag(made, reference(recipe.name, "dev"))
            step.outcome = made.rsplit(":", 1)[1]
    return made


def dependencies_of(checkout: Path, recipe: Recipe) -> str:
    """Return what an image takes from elsewhere: its part of the lock, or Kafka of a version."""
    if not recipe.members:
        return f"kafka {KAFKA_VERSION}"
    own = [project_name(checkout / member) for member in recipe.members]
    needed = closure(own, site.needs, recipe.without)
    return restricted_lock((checkout / "requirements.lock").read_text(), needed, own)


def project_name(member: Path) -> str:
    text = (member / "pyproject.toml").read_text()
    return next(line.split('"')[1] for line in text.splitlines() if line.startswith("name = "))


def lay_out(workshop: Workshop, recipe: Recipe, lock: str, step: Step) -> Path:
    """Fill the context of a build: dependencies and code of a Python image, or files and Kafka's jars."""
    checkout = workshop.at.checkout
    context = workshop.at.build / "images" / recipe.name
    if recipe.members:
        kept = context / "dependencies.lock"
        if not (context / "dependencies").is_dir() or not kept.exists() or kept.read_text() != lock:
            step.doing = "dependencies"
            site.install_dependencies(checkout, lock, context / "dependencies")
            kept.write_text(lock)
        site.install_members(checkout, recipe.members, context / "code", step)
    else:
        context.mkdir(parents=True, exist_ok=True)
        for name in recipe.files:
            shutil.copy(checkout / name, context)
        step.doing = "Kafka's jars"
        jars = ensure_distribution(Progress(io.StringIO())).jars
        shutil.copytree(jars, context / "kafka", dirs_exist_ok=True)
    return context


def base_reference(workshop: Workshop, name: str) -> str:
    """Name a base by its packages and by how they are put together."""
    wanted = packages_of(workshop, name)
    recipe = repr(bases.command(name, wanted, Path("root.tar")))
    if workshop.registry_reached:
        recipe = (workshop.recipes / "base.Dockerfile").read_text()
    return reference(f"base-{name}", fingerprint({"packages": " ".join(wanted), "recipe": recipe}, []))


def packages_of(workshop: Workshop, name: str) -> list[str]:
    return bases.packages((workshop.recipes / name / "packages").read_text())


def ensure_base(workshop: Workshop, name: str, progress: Progress) -> None:
    """Make a base image once: from the engine's registry, or from Debian's packages."""
    made = base_reference(workshop, name)
    if workshop.engine.has(made):
        return
    wanted = packages_of(workshop, name)
    context = workshop.at.build / "images" / f"base-{name}"
    context.mkdir(parents=True, exist_ok=True)
    with progress.step(f"base image {name} (once)") as step:
        if workshop.registry_reached:
            job = BuildJob(workshop.recipes / "base.Dockerfile", context, made, {"PACKAGES": " ".join(wanted)})
            workshop.engine.build(job, step, workshop.log)
            return
        # Named like the image: what was begun for one recipe is not taken for another's.
        archive = workshop.at.cache / "bases" / f"{made.rsplit(':', 1)[1]}.tar"
        if not archive.exists():
            archive.parent.mkdir(parents=True, exist_ok=True)
            unfinished = archive.with_suffix(".making.tar")
            bases.make_archive(name, wanted, unfinished, step, workshop.log)
            unfinished.replace(archive)
        (context / "root.tar").unlink(missing_ok=True)
        (context / "root.tar").hardlink_to(archive)
        step.doing = "importing"
        job = BuildJob(workshop.recipes / "archive.Dockerfile", context, made, {})
        workshop.engine.build(job, step, workshop.log)
        (context / "root.tar").unlink()

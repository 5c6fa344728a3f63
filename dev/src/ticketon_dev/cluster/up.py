"""`up`, `down` and `load` for any provider: the order of the steps and what people are told at the end."""

from collections.abc import Mapping

from ticketon_dev.cluster import contents, manifests, tls
from ticketon_dev.cluster.kubectl import Kubectl
from ticketon_dev.cluster.providers import ClusterProvider, Wishes
from ticketon_dev.cluster.toolchain import link
from ticketon_dev.images import making, references
from ticketon_dev.images.recipes import PRODUCT
from ticketon_dev.locations import Locations
from ticketon_dev.progress import Progress, duration


def up(provider: ClusterProvider, at: Locations, wishes: Wishes, progress: Progress) -> None:
    """Have a cluster with its ingress controller and stores Ready, and its tools at their stated places."""
    known_already = at.kubeconfig.exists() and provider.is_up()
    kubectl = provider.start(wishes, progress)
    publish(kubectl, at)
    link(provider.helm(progress), at.binaries / "helm")
    images = provider.program_images(wishes, progress)
    stores = make_and_load(provider, ["stores"], at, progress)
    certificate = tls.ensure(at)
    gateway_api = provider.gateway_api(progress)
    ingress = provider.brings_ingress(kubectl)
    with progress.step("apply manifests"):
        extra = manifests.with_images(provider.extra_manifests(), images)
        kubectl.apply([*extra, *contents.definitions(at.manifests, gateway_api, certificate)])
        known = {**images, **stores}
        kubectl.apply_when_served(contents.workloads(at.manifests, known, ingress=ingress, metrics=wishes.metrics))
    contents.wait_until_ready(kubectl, progress, name_server=provider.bare, ingress=ingress, metrics=wishes.metrics)
    for line in farewell(at, progress.elapsed_seconds, known_already=known_already):
        progress.say(line)


def programs(provider: ClusterProvider, at: Locations, progress: Progress) -> None:
    """Build what a cluster takes minutes to build, and start nothing."""
    provider.build_programs(progress)
    link(provider.helm(progress), at.binaries / "helm")


def publish(kubectl: Kubectl, at: Locations) -> None:
    """Leave the kubeconfig and kubectl where people and other commands look for them."""
    link(kubectl.program, at.binaries / "kubectl")
    if kubectl.kubeconfig != at.kubeconfig:
        link(kubectl.kubeconfig, at.kubeconfig)


def make_and_load(provider: ClusterProvider, names: list[str], at: Locations, progress: Progress) -> Mapping[str, str]:
    """Make images and, where a cluster is up, bring them there; what is as it was costs nothing."""
    workshop = provider.workshop(progress)
    made: Mapping[str, str] = making.make(workshop, names, progress)
    if provider.is_up():
        made = provider.load(workshop.engine, made, progress)
    gone = references.remember(at.state / "images.json", made)
    if gone:
        workshop.engine.remove(gone)
        provider.drop(gone)
    references.record(at.image_references, dict(made))
    return made


def images(provider: ClusterProvider, at: Locations, names: list[str], progress: Progress) -> None:
    made = make_and_load(provider, names or list(PRODUCT), at, progress)
    for name, reference in made.items():
        progress.say(f"    {name:<16} {reference}")
    where = (
        "in the cluster"
        if provider.is_up()
        else "built; no cluster is up, so they are loaded by the next `make images` after `make up`"
    )
    progress.say(f"  {len(made)} images {where} ({duration(progress.elapsed_seconds)})")


def farewell(at: Locations, seconds: float, *, known_already: bool) -> list[str]:
    """Say what there is now and how to use it; briefly where it was there before and has been told."""
    environment = f"    export KUBECONFIG={at.kubeconfig} PATH={at.binaries}:$PATH"
    if known_already:
        return [f"  The cluster is up, as before ({duration(seconds)}); dev/README.md: what is where.", environment]
    return [
        f"  The cluster is up ({duration(seconds)}).",
        environment,
        "    ingress    https://tickets.localhost:30443/<event>/ (http on 30080 leads there); 404 until there is one",
        f"    authority  {at.authority}",
        "    stores     kafka-0.kafka.data.svc:9092, redis.data.svc:6379, postgres.data.svc:5432",
        "    `make down` removes it and keeps the stores' data; `PURGE=volumes make down` drops that, `PURGE=1` all",
    ]


def forget(at: Locations) -> None:
    """Take the stated places away with the cluster that they led to."""
    for path in (at.kubeconfig, at.authority, at.binaries / "kubectl", at.binaries / "helm", at.image_references):
        path.unlink(missing_ok=True)

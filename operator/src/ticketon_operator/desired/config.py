"""EventConfig from a TicketEvent: what the services run on. Pure."""

from ticketon_contract import config as contract
from ticketon_contract.config import EventConfig
from ticketon_operator.api import Identity, IdentityMode, TicketEvent, Tls, Zone
from ticketon_operator.api_status import InventoryStatus


def event_config(event: TicketEvent, in_force: InventoryStatus | None, *, closing: bool = False) -> EventConfig:
    """Return the configuration with the inventory that the ledger has in force.

    Without one (a new event) the spec's inventory stands in: it is what the first ledger Job applies. Servers adopt
    the higher ``generation``. A change of the inventory takes two steps, the rest of the spec at once and the zones
    once the ledger has taken them, so each generation of the TicketEvent counts for two here.
    """
    candidate = candidate_config(event, closing=closing)
    if in_force is None or not in_force.zones:
        return candidate.model_copy(
            update={"generation": candidate.generation - 1, "zones": _as_served(candidate.zones)}
        )
    zones = _zones_of(in_force)
    settled = same_inventory(candidate, zones, in_force.currency)
    return candidate.model_copy(
        update={
            "generation": candidate.generation - (0 if settled else 1),
            "zones": _as_served(zones),
            "currency": in_force.currency,
        }
    )


def _as_served(zones: list[contract.Zone]) -> list[contract.Zone]:
    """Zones as the servers are told them, every second: which seats are held back is the ledger's to know."""
    return [zone.model_copy(update={"held_back": []}) for zone in zones]


def candidate_config(event: TicketEvent, *, closing: bool = False) -> EventConfig:
    """Return the configuration as the spec has it."""
    spec = event.spec
    return EventConfig(
        namespace=event.metadata.namespace,
        name=event.metadata.name,
        generation=2 * event.metadata.generation,
        title=spec.title,
        venue=spec.venue,
        message=spec.message,
        opens_at=spec.opens_at,
        closes_at=spec.closes_at,
        pre_queue_opens_at=spec.pre_queue.opens_at if spec.pre_queue else None,
        pre_queue_order=spec.pre_queue.order if spec.pre_queue else contract.LineOrder.FIFO,
        presale=contract.Presale.model_validate(spec.presale.model_dump()) if spec.presale else None,
        login=_login(spec.identity),
        paused=spec.paused,
        closing=closing,
        currency=spec.currency,
        zones=[_zone(zone) for zone in spec.zones],
        max_per_buyer=spec.max_per_buyer,
        hold_seconds=spec.hold_seconds,
        admission=contract.Admission(**spec.admission.model_dump()),
        challenge=contract.Challenge(mode=spec.challenge.mode, trusted_proxies=tuple(spec.challenge.trusted_proxies)),
        base_url=base_url(event),
        payments=contract.Payments(
            servers=spec.payments.servers,
            partitions=spec.payments.partitions,
            forecast_per_second=spec.payments.forecast_per_second,
            route=spec.payments.route,
            base_url=payments_base_url(event),
            provider=contract.Provider(
                protocol=spec.payments.provider.protocol,
                url=spec.payments.provider.url.rstrip("/"),
                timeout_seconds=spec.payments.provider.timeout_seconds,
            ),
        ),
    )


def same_inventory(candidate: EventConfig, zones: list[contract.Zone], currency: str) -> bool:
    """Whether the ledger already has what the candidate asks for. The order of zones is display, and counts."""
    return candidate.zones == zones and candidate.currency == currency


def has_inventory(event: TicketEvent, in_force: InventoryStatus) -> bool:
    """Whether the inventory in force is the one of the spec."""
    return same_inventory(candidate_config(event), _zones_of(in_force), in_force.currency)


def _zones_of(in_force: InventoryStatus) -> list[contract.Zone]:
    return [contract.Zone(**zone.model_dump(exclude_none=True)) for zone in in_force.zones]


def inventory_status(config: EventConfig, *, job: str, result: str, reason: str) -> InventoryStatus:
    """Return ``config``'s inventory as the status keeps it."""
    return InventoryStatus.model_validate(
        {
            "currency": config.currency,
            "zones": [zone.model_dump(exclude_defaults=True) for zone in config.zones],
            "job": job,
            "result": result,
            "reason": reason,
        }
    )


def base_url(event: TicketEvent) -> str:
    """Scheme, host, port and path of the route, without a trailing slash."""
    route = event.spec.route
    return _origin(route.host, route.port, route.tls) + route.path.rstrip("/")


def payments_base_url(event: TicketEvent) -> str:
    """Origin of the payment servers. Through the ingress it is the route's port that buyers see."""
    payments, route = event.spec.payments, event.spec.route
    if payments.route is contract.PaymentRoute.INGRESS:
        return _origin(payments.host, payments.port or route.port, payments.tls)
    return _origin(payments.host, payments.port, payments.tls)


def _origin(host: str, port: int | None, tls: Tls) -> str:
    scheme, default = ("https", 443) if tls.enabled else ("http", 80)
    return f"{scheme}://{host}" if port in (None, default) else f"{scheme}://{host}:{port}"


def _login(identity: Identity) -> contract.Login | None:
    if identity.mode is IdentityMode.ANONYMOUS:
        return None
    return contract.Login(
        issuer=identity.issuer or "",
        audience=identity.audience or "",
        claim=identity.claim,
        token_type=identity.token_type,
        jwks=identity.jwks or "",
        jwks_uri=identity.jwks_uri or "",
        url=identity.login_url or "",
    )


def _zone(zone: Zone) -> contract.Zone:
    return contract.Zone(
        name=zone.name,
        price=zone.price,
        rows=zone.rows or 0,
        seats_per_row=zone.seats_per_row or 0,
        capacity=zone.capacity or 0,
        open=zone.open,
        held_back=list(zone.held_back),
    )

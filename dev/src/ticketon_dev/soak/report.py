"""What a soak says: a line a sale while it runs, and at the end what was broken and what held. Pure."""

from collections import Counter
from collections.abc import Sequence

from ticketon_dev.soak.line import LineResult
from ticketon_dev.soak.sale import SaleResult
from ticketon_dev.soak.schedule import Kind

#: Of one sale; the rest is in its folder.
EXAMPLES = 12


def sale_line(result: SaleResult) -> str:
    """One line of one sale, and below it what was wrong."""
    head = (
        f"seed {result.seed}: {result.protocol}, {result.damage.total} faults in {result.seconds:.0f} s, "
        f"{result.tickets} tickets for {result.seats} seats, {result.client_faults.total()} requests unanswered, "
        f"settled after {result.settled_after_seconds:.0f} s: {'clean' if result.clean else 'BROKEN'}"
    )
    lines = [head, *(f"  {wrong}" for wrong in result.wrong[:EXAMPLES])]
    if len(result.wrong) > EXAMPLES:
        lines.append(f"  and {len(result.wrong) - EXAMPLES} more")
    return "\n".join(lines)


def sales(results: Sequence[SaleResult]) -> str:
    """All sales together."""
    damage: Counter[Kind] = Counter()
    outcomes: Counter[str] = Counter()
    for result in results:
        damage += result.damage.counts
        outcomes += Counter(result.outcomes)
    broken = [result.seed for result in results if not result.clean]
    lines = [f"{'faults':>8}  kind"]
    lines += [f"{count:>8}  {kind}" for kind, count in damage.most_common()]
    lines.append(f"{damage.total():>8}  in {len(results)} sales of {sum(result.seats for result in results)} seats")
    lines.append("")
    lines += [f"{count:>8}  {outcome}" for outcome, count in outcomes.most_common()]
    lines.append(
        f"\n{sum(result.tickets for result in results)} tickets, {sum(result.payments for result in results)} charges, "
        f"{sum(result.observations for result in results)} observations of buyers judged, "
        f"{sum(result.client_faults.total() for result in results)} requests that nobody answered at first"
    )
    lines.append(
        f"BROKEN in {len(broken)} of {len(results)} sales: seeds {', '.join(map(str, broken))}"
        if broken
        else "audit, provider's books and every buyer's log agree, in every sale"
    )
    return "\n".join(lines)


def line(result: LineResult) -> str:
    """One long line."""
    verdict = result.verdict
    again = ", ".join(f"{count:,} {why}" for why, count in result.repeated.most_common())
    blows = ", ".join(f"{count} x {blow}" for blow, count in result.blows.most_common())
    head = (
        f"{verdict.acknowledged:,} of {result.plan.joins:,} joins over {result.plan.servers} servers in "
        f"{result.join_seconds:.0f} s, asked again in {result.seconds - result.join_seconds:.0f} s"
    )
    lines = [
        head,
        f"{blows or 'nothing broken'}; {result.missed:,} acknowledged joins missed by replicas",
        f"asked again: {again or 'nothing'}",
        f"duplicates {verdict.duplicates}, inversions {verdict.inversions}, lost acknowledged places {verdict.lost}",
    ]
    return "\n".join([*lines, *(f"  {example}" for example in verdict.examples)])

"""The defects themselves: the fifteen that the pipeline was designed against, and others.

Imports nothing of the product. What each of them must be caught by is not said: any invariant will do.
"""
# ruff: noqa: E501 - texts as they stand in the code

from collections.abc import Sequence

from simulation.mutations import Change, Mutation

_SETTLEMENT = "ticketon_ledger.settlement"
_COMMITTING = "ticketon_ledger.committing"
_PAYMENTS = "ticketon_ledger.payments"
_HOLDS = "ticketon_ledger.holds"
_SEATS = "ticketon_ledger.seats"
_OUTBOX = "ticketon_ledger.outbox"
_SAGA = "ticketon_payments.saga"
_REFUND_SAGA = "ticketon_payments.refund_saga"
_REFUNDS = "ticketon_ledger.refunds"
_CLAIMS = "ticketon_ledger.claims"
_CANCELLATION = "ticketon_ledger.cancellation"
_SETTLER = "ticketon_payments.settler"
_CONSUMER = "ticketon_payments.consumer"
_SWEEPERS = "ticketon_payments.sweepers"
_PROVIDER = "ticketon_payments.provider"
_SERVER = "ticketon_payments.server"
_OFFSETS = "ticketon_payments.offsets"

_NO_INBOX = Change(
    _COMMITTING,
    """    INSERT INTO inbox (event, command_id, done_at) SELECT event, id, now() FROM mine ORDER BY id
    ON CONFLICT DO NOTHING RETURNING command_id
""",
    "    SELECT id AS command_id FROM mine\n",
)
_EXPIRY_TAKES_PAYING = Change(
    _SEATS,
    "\"(state = 'held' AND expires_at <= now())\"",
    "\"(state IN ('held', 'paying') AND expires_at <= now())\"",
)
_WHERE_IT_WAS = '    WHERE {likely("found.state = ask.was_state AND found.pending = ask.was_pending")}\n'
_TAKE_UP = "        WHERE payment.id = ask.id AND pending <> 'nothing' AND (consumed_at IS NULL OR due_at <= now())\n"
_UNKNOWN = "    Outcome.NO_ANSWER: Step(Write.NOTE, PaymentState.UNKNOWN, Pending.ASK),\n}"
_COUNTED_FIRST = """    counted = await claims._database.fetchrow("SELECT taken FROM buyer WHERE event = $1 AND buyer = $2", event, buyer)
    if counted and counted["taken"] + {quantity} > max_per_buyer:
        raise BuyerLimit(max_per_buyer)
"""

#: The fifteen that the contract names.
NAMED: Sequence[Mutation] = (
    Mutation(
        "no generation check",
        [
            Change(_COMMITTING, " AND seat.generation = theirs.generation", ""),
            Change(_COMMITTING, " AND h.generation = want.generation", ""),
        ],
        seeds=(24,),
    ),
    Mutation(
        "offset before Postgres",
        [
            Change(
                _CONSUMER,
                "                    await self._take(await feed.fetch(open_ones, seconds=_FETCH_SECONDS, most=room))\n",
                """                    found = await feed.fetch(open_ones, seconds=_FETCH_SECONDS, most=room)
                    if found:
                        await feed.commit({message.partition: message.offset + 1 for message in found})
                    await self._take(found)
""",
            )
        ],
        seeds=(2,),
    ),
    Mutation("no inbox", [_NO_INBOX], seeds=(2,)),
    Mutation(
        "authorise without idempotency key",
        [Change(_PROVIDER, "_things(payment), key=payment.id, json=body)", "_things(payment), json=body)")],
        seeds=(6,),
    ),
    Mutation(
        "unknown taken for declined",
        [Change(_SAGA, _UNKNOWN, "    Outcome.NO_ANSWER: _given_back(Cause.DECLINED),\n}")],
        seeds=(4,),
    ),
    Mutation(
        "unknown taken for paid",
        [
            Change(
                _SAGA,
                _UNKNOWN,
                "    Outcome.NO_ANSWER: Step(\n        Write.COMMIT, PaymentState.PAID, Pending.NOTHING, lost_pending=Pending.REFUND\n    ),\n}",
            )
        ],
        seeds=(2,),
    ),
    Mutation(
        "capture before the transaction",
        [
            Change(
                _SETTLER,
                "            answer = await self._ask_provider(going)\n",
                """            answer = await self._ask_provider(going)
            if answer.outcome is Outcome.AUTHORIZED:
                early = replace(going, pending=Pending.CAPTURE, provider_id=answer.provider_id)
                await self._provider.perform(early)
""",
            )
        ],
        seeds=(3,),
    ),
    Mutation(
        "no void after a lost transaction",
        [Change(_SAGA, "at_once=True, lost_pending=Pending.VOID", "at_once=True, lost_pending=Pending.NOTHING")],
        seeds=(24,),
    ),
    Mutation(
        "expiry takes PAYING",
        [_EXPIRY_TAKES_PAYING],
        seeds=(54,),
    ),
    Mutation(
        "sweeper re-produces with a new id",
        [
            Change(
                _SWEEPERS,
                "record(self._event, payment) for",
                "record(self._event, __import__('dataclasses').replace(payment, id=payment.id[::-1])) for",
            )
        ],
        seeds=(5,),
    ),
    Mutation(
        "refund twice",
        [
            Change(_PROVIDER, "key=refund.provider_key", 'key=f"{refund.provider_key}:{refund.attempts}"'),
            Change(
                _REFUND_SAGA,
                "    return refund.state is RefundState.UNKNOWN or refund.attempts > 1 or refund.round > 0\n",
                "    return False\n",
            ),
        ],
        seeds=(2,),
    ),
    Mutation(
        "per-buyer counter outside the statement",
        [
            Change(
                _HOLDS,
                "    claim = Claim(_new_id(), buyer, number, float(hold_seconds), max_per_buyer, len(wanted), wanted)\n",
                _COUNTED_FIRST.format(quantity="len(wanted)")
                + "    claim = Claim(_new_id(), buyer, number, float(hold_seconds), 1000, len(wanted), wanted)\n",
            ),
        ],
        seeds=(5,),
    ),
    Mutation(
        "partition owned twice with an in-memory dedup",
        [
            _NO_INBOX,
            Change(_PAYMENTS, _TAKE_UP, "        WHERE payment.id = ask.id AND pending <> 'nothing'\n"),
            Change(_COMMITTING, _WHERE_IT_WAS, ""),
            Change(
                _CONSUMER,
                "        if not commands:\n            return\n",
                """        seen = self.__dict__.setdefault("_seen", set())
        for message, command in commands:
            if command.payment_id in seen:
                self._mark(message.partition).done(message.offset)
        commands = [pair for pair in commands if pair[1].payment_id not in seen]
        seen.update(command.payment_id for _, command in commands)
        if not commands:
            return
""",
            ),
        ],
        seeds=(2,),
    ),
    Mutation(
        "outbox sent before commit",
        [
            Change(
                _SETTLER,
                "            case Write.COMMIT:\n",
                """            case Write.COMMIT:
                await self.tell_first(payment)
""",
            ),
            Change(
                _SERVER,
                "        self._produced: list[str] = []\n",
                """        self._produced: list[str] = []

        async def tell_first(payment):
            import json

            event = {"id": f"{payment.id}.placed", "type": "dev.ticketon.order.placed"}
            with contextlib.suppress(Exception):
                await bus.send(live.config.ref.orders_topic, key=b"order", value=json.dumps(event).encode())

        self._settler.tell_first = tell_first
""",
            ),
        ],
        seeds=(2,),
    ),
    Mutation(
        "replay resurrects a voided order",
        [
            Change(_PAYMENTS, _TAKE_UP, "        WHERE payment.id = ask.id\n"),
            Change(
                _PAYMENTS,
                "    WHERE found.event = $1\n)\nUPDATE payment SET attempts",
                """    WHERE found.event = $1
)
UPDATE payment SET state = CASE WHEN state = 'voided' THEN 'accepted' ELSE state END,
    pending = CASE WHEN state = 'voided' THEN 'authorize' ELSE pending END, attempts""",
            ),
        ],
        seeds=(2,),
    ),
)

#: Others, of the kind that a tired afternoon makes.
OTHERS: Sequence[Mutation] = (
    Mutation(
        "a capture without an answer taken for done",
        [
            Change(
                _SAGA,
                "    Outcome.NO_ANSWER: Step(Write.NOTE, PaymentState.CAPTURING, Pending.CAPTURE),\n",
                "    Outcome.NO_ANSWER: Step(Write.CAPTURED, PaymentState.PAID, Pending.NOTHING, cause=Cause.NONE),\n",
            )
        ],
    ),
    Mutation(
        "a capture that failed keeps its order",
        [
            Change(
                _SAGA,
                "    Write.VOID_ORDER, PaymentState.AUTHORIZED, Pending.VOID, at_once=True,",
                "    Write.NOTE, PaymentState.AUTHORIZED, Pending.VOID, at_once=True,",
            )
        ],
    ),
    Mutation(
        "tickets valid before the capture",
        [Change(_COMMITTING, '["valid" if one else "pending" for one in paid]', '["valid" for _ in paid]')],
    ),
    Mutation(
        "an expired payment forgets stray money",
        [
            Change(
                _SAGA,
                "    return Step(Write.GIVE_UP, PaymentState.EXPIRED, Pending.ASK, cause=cause)",
                "    return Step(Write.GIVE_UP, PaymentState.EXPIRED, Pending.NOTHING, cause=cause)",
            )
        ],
    ),
    Mutation(
        "stray charges are voided and not refunded",
        [
            Change(
                _SAGA,
                "        Outcome.CHARGED: Step(Write.NOTE, state, Pending.REFUND, at_once=True),\n",
                "        Outcome.CHARGED: ended,\n",
            )
        ],
    ),
    Mutation(
        "a buyer gives back a hold that is being paid",
        [
            Change(
                _HOLDS,
                "    WHERE seat.hold_id = theirs.hold AND seat.state = 'held'\n",
                "    WHERE seat.hold_id = theirs.hold\n",
            ),
            Change(
                _HOLDS,
                "    WHERE h.event = $1 AND h.state = 'held'\n",
                "    WHERE h.event = $1 AND h.state IN ('held', 'paying')\n",
            ),
        ],
    ),
    Mutation(
        "two refunds of one order at once",
        [
            Change(
                _REFUNDS,
                "WHERE orders.event = $1 AND orders.id = $2 FOR UPDATE OF payment",
                "WHERE orders.event = $1 AND orders.id = $2",
            )
        ],
    ),
    Mutation(
        "a refund without an answer taken for done",
        [
            Change(
                _REFUND_SAGA,
                "            return Step(Then.PARK, RefundState.UNKNOWN)",
                "            return Step(Then.DONE, RefundState.DONE)",
            )
        ],
    ),
    Mutation(
        "a refund that is done counts twice",
        [Change(_REFUNDS, "settled_at = now() WHERE id = $1 AND {_OPEN}", "settled_at = now() WHERE id = $1")],
    ),
    Mutation(
        "what was declined keeps counting for its buyer",
        [
            Change(
                _SETTLEMENT,
                "SET taken = buyer.taken - cardinality(verdict.seats) FROM verdict, mine",
                "SET taken = buyer.taken FROM verdict, mine",
            )
        ],
    ),
    Mutation(
        "an order that is voided keeps its seats",
        [
            Change(
                _SETTLEMENT,
                "freed AS (\n    UPDATE seat SET state = 'free', hold_id = NULL, expires_at = NULL, revision = seat.revision + 2\n    FROM seats, voided WHERE",
                "freed AS (\n    UPDATE seat SET revision = seat.revision + 2\n    FROM seats, voided WHERE",
            )
        ],
    ),
    Mutation(
        "the outbox is marked before it is told",
        [
            Change(
                _OUTBOX,
                "        await tell(messages)\n        await transaction.fetch(_TOLD, [message.id for message in messages])\n",
                """        await transaction.fetch(_TOLD, [message.id for message in messages])
        with __import__("contextlib").suppress(Exception):
            await tell(messages)
""",
            )
        ],
    ),
    Mutation(
        "all of an order's events are sent at once",
        [Change(_SWEEPERS, "        for turn in turns(messages):\n", "        for turn in [messages]:\n")],
    ),
    Mutation(
        "the high-water mark is committed",
        [
            Change(
                _OFFSETS,
                "        return self._heap[0] if self._heap else self._next\n",
                "        return self._next\n",
            ),
            Change(
                _CONSUMER,
                "        begun, known = await self._begin([command.payment_id for _, command in commands])\n",
                "        asyncio.create_task(self._later(commands))\n\n"
                "    async def _later(self, commands):\n"
                "        begun, known = await self._begin([command.payment_id for _, command in commands])\n",
            ),
        ],
    ),
    Mutation(
        "nobody takes up a payment whose server died",
        [Change(_SERVER, '            every(_RECONCILE_SECONDS, "reconcile", self._sweepers.reconcile),\n', "")],
    ),
    Mutation(
        "a dead letter is dropped",
        [
            Change(
                _CONSUMER,
                '            else:\n                await self._bury(message, "there is no such payment")\n',
                "            else:\n                self._mark(message.partition).done(message.offset)\n",
            )
        ],
    ),
    Mutation(
        "what was taken over is not the caller's any more, and is written all the same",
        [
            _NO_INBOX,
            Change(_COMMITTING, _WHERE_IT_WAS, ""),
        ],
    ),
    Mutation(
        "a void that was refused taken for done",
        [
            Change(
                _SAGA,
                "        Outcome.NOT_POSSIBLE: Step(Write.NOTE, state, Pending.ASK),  # something else happened there: look\n",
                "        Outcome.NOT_POSSIBLE: ended,\n",
            ),
            Change(
                _SAGA,
                "        Outcome.CHARGED: Step(Write.NOTE, state, Pending.REFUND, at_once=True),\n",
                "        Outcome.CHARGED: Step(Write.NOTE, state, Pending.VOID, at_once=True),\n",
            ),
        ],
    ),
    Mutation(
        "nothing found taken for declined, at once",
        [
            Change(
                _SAGA,
                "    Outcome.NOTHING_FOUND: Step(Write.NOTE, PaymentState.UNKNOWN, Pending.AUTHORIZE, at_once=True),\n",
                "    Outcome.NOTHING_FOUND: _given_back(Cause.DECLINED),\n",
            )
        ],
    ),
    Mutation(
        "declined, and the hold is left being paid",
        [
            Change(
                _SAGA,
                "    return Step(Write.GIVE_BACK, PaymentState.DECLINED,",
                "    return Step(Write.NOTE, PaymentState.DECLINED,",
            )
        ],
    ),
    Mutation(
        "a claim grants one more than a buyer may have",
        [
            Change(
                _CLAIMS,
                "verdict.units <= verdict.buyer_limit AS fits",
                "verdict.units <= verdict.buyer_limit + 1 AS fits",
            )
        ],
    ),
    Mutation(
        "a claim takes what somebody else holds",
        [Change(_CLAIMS, "(state = 'free' OR {LAPSED}) AND NOT withheld AS available", "state <> 'sold' AS available")],
    ),
    Mutation(
        "holds that ran out keep counting for their buyers",
        [Change(_CLAIMS, "FROM (SELECT buyer, units FROM ended", "FROM (SELECT buyer, 0 AS units FROM ended")],
    ),
    Mutation(
        "a hold that ran out stays held when its seats are taken",
        [
            Change(
                _CLAIMS,
                "UPDATE seat_hold SET state = 'expired', ended_at = now() FROM ending",
                "UPDATE seat_hold SET ended_at = now() FROM ending",
            )
        ],
    ),
    Mutation(
        "a cancellation ends while payments are under way",
        [
            Change(
                _CANCELLATION,
                "        AND NOT EXISTS (SELECT FROM payment WHERE payment.event = $1 AND {_UNDER_WAY})\n"
                "        AND NOT EXISTS (SELECT FROM orders WHERE orders.event = $1 AND orders.state IN ('reserved', 'paid'))\n",
                "",
            ),
            Change(_CANCELLATION, "pass_began_at > requested_at + make_interval(secs => $3)", "$3::float8 IS NOT NULL"),
        ],
    ),
    Mutation(
        "a refund leaves tickets valid",
        [
            Change(
                _REFUNDS,
                "_VOID = \"UPDATE ticket SET state = 'void'",
                '_VOID = "UPDATE ticket SET state = ticket.state',
            )
        ],
    ),
    Mutation(
        "an order that is voided leaves its tickets",
        [
            Change(
                _SETTLEMENT,
                "    UPDATE ticket SET state = 'void' FROM voided",
                "    UPDATE ticket SET state = ticket.state FROM voided",
            )
        ],
    ),
    Mutation(
        "captured, and the tickets are not valid",
        [
            Change(
                _COMMITTING,
                "    UPDATE ticket SET state = 'valid' FROM paid",
                "    UPDATE ticket SET state = ticket.state FROM paid",
            )
        ],
    ),
    Mutation(
        "seats are sold to whom some of the hold's are left",
        [
            Change(
                _COMMITTING,
                "    \"h.event = want.event AND h.generation = want.generation AND h.state = 'paying' \"\n"
                '    "AND cardinality(h.seats) = want.seats"\n',
                "    \"h.event = want.event AND h.generation = want.generation AND h.state = 'paying'\"\n",
            ),
            _EXPIRY_TAKES_PAYING,
        ],
    ),
    Mutation(
        "a refund gives back all of the price twice",
        [
            Change(
                _REFUNDS,
                "(SELECT coalesce(sum(amount), 0)::bigint FROM refund WHERE refund.order_id = orders.id) AS asked",
                "0::bigint AS asked",
            )
        ],
    ),
    Mutation(
        "a lost reply of an authorization is asked for under another key",
        [
            Change(
                _PROVIDER,
                "_things(payment), key=payment.id, json=body)",
                '_things(payment), key=f"{payment.id}:{payment.attempts}", json=body)',
            )
        ],
    ),
)

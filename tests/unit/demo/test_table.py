"""The live table: a picture in a terminal, plain lines in a log."""

import io

from ticketon_dev.crowd import Figures
from ticketon_dev.demo.table import SPARK_WIDTH, LiveTable, sparkline
from ticketon_dev.demo.timeline import Moment

MOMENTS = [Moment(at=float(second), waiting=second, sold=second, capacity=99, servers_ready=2) for second in range(30)]


def test_a_log_gets_one_plain_line_in_five_seconds() -> None:
    now = [0.0]
    stream = io.StringIO()
    with LiveTable(stream, "Gala", clock=lambda: now[0]) as table:
        for tenth in range(120):
            now[0] = tenth / 10
            table.show(MOMENTS, Figures())
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert all("waiting    29" in line and "sold       29/99" in line for line in lines)


def test_nothing_is_shown_that_is_not_known_yet() -> None:
    stream = io.StringIO()
    with LiveTable(stream, "Gala") as table:
        table.show([], Figures())
        assert stream.getvalue() == ""
        table.show([Moment(at=0.5, servers_desired=1, servers_ready=1)], Figures())
    assert "sold           -  servers 1/1" in stream.getvalue()


def test_a_sparkline_is_short_and_keeps_the_peak() -> None:
    values = [0] * 100
    values[37] = 9
    assert len(sparkline(values)) <= SPARK_WIDTH
    assert sparkline(values).count("█") == 1
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "▁▁"

"""Lines of several programs on one terminal."""

from ticketon_dev.inner_loop.lines import shown


def test_a_line_carries_its_programs_name() -> None:
    assert shown("queue", "hello") == "queue    | hello"


def test_a_json_log_is_made_readable() -> None:
    line = '{"time": "t", "level": "info", "logger": "x", "message": "listening", "http_port": 8080}'

    assert shown("queue", line) == "queue    | listening  http_port=8080"


def test_a_warning_says_so_and_a_traceback_keeps_its_lines() -> None:
    line = '{"level": "error", "message": "broken", "exception": "Traceback:\\n  line 1"}'

    assert shown("payments", line).splitlines() == [
        "payments | ERROR broken",
        "payments | Traceback:",
        "payments |   line 1",
    ]


def test_what_only_looks_like_json_is_shown_as_it_came() -> None:
    assert shown("queue", "{not json") == "queue    | {not json"
    assert shown("queue", '{"a": 1}') == 'queue    | {"a": 1}'

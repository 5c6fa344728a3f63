"""What an organiser's files may do to the pages, and what they may not."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_contract.names import EventRef
from ticketon_queue.pages import folder, palette
from ticketon_queue.pages.appearance import MOST_LOGO_BYTES, Appearance, appearance
from ticketon_queue.pages.folder import PageFolder
from ticketon_queue.pages.palette import DARK, LIGHT, contrast

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100


def made(**files: str | bytes) -> tuple[Appearance, list[str]]:
    """``made(theme="…")`` is of a file theme.toml."""
    return appearance(
        {
            name if "." in name else f"{name}.toml": body.encode() if isinstance(body, str) else body
            for name, body in files.items()
        }
    )


def sheet(look: Appearance) -> str:
    found = look.assets.find(look.assets.hashed_name("page.css"))
    assert found is not None
    return found[0].body.decode()


def test_our_own_colours_can_be_read() -> None:
    for ours in (LIGHT, DARK):
        assert palette.scheme(ours, {}, "ours") == (ours, [])
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_a_theme_changes_colours_corners_and_font() -> None:
    look, faults = made(theme='round = 4\nfont = "serif"\n[light]\nbrand = "#0A5C36"\n[dark]\nbrand = "#7be3ad"')
    assert faults == []
    assert "--brand:#0a5c36" in sheet(look)
    assert "--brand:#7be3ad" in sheet(look)
    assert "--round:4px" in sheet(look)
    assert "Georgia" in sheet(look)
    assert look.assets.hashed_name("page.css") != made()[0].assets.hashed_name("page.css")


def test_colours_that_nobody_can_read_are_refused_with_the_reason() -> None:
    look, faults = made(theme='[light]\nbrand = "#ffe680"\n[dark]\nbrand = "#7be3ad"')
    assert sheet(look).startswith(sheet(made()[0])[:100])
    assert "--brand:#7be3ad" in sheet(look)  # the other scheme is good
    assert any(
        fault.startswith("theme.toml: light: brand on paper has a contrast of 1.2, at least 4.5") for fault in faults
    )


@pytest.mark.parametrize(
    ("theme", "fault"),
    [
        ('[light]\nbrand = "red;}body{display:none"', 'light.brand: write a colour as "#rrggbb"'),
        ('[light]\nbrand = "#12345"', 'light.brand: write a colour as "#rrggbb"'),
        ("[light]\nbrand = 7", 'light.brand: write a colour as "#rrggbb"'),
        ('[light]\n"x}" = "#123456"', "light.x}: there is no such colour"),
        ('light = "#123456"', "light: write a table of colours"),
        ('round = "4px"', "round: write whole pixels"),
        ("round = 99", "round: write whole pixels"),
        ("font = \"url('//x')\"", "font: choose one of system, serif"),
        ("font = []", "font: choose one of system, serif"),
        ('css = "*{}"', "css: there is no such setting"),
        ("= broken", "not used"),
    ],
)
def test_nothing_of_a_theme_is_passed_on_as_it_came(theme: str, fault: str) -> None:
    look, faults = made(theme=theme)
    assert sheet(look) == sheet(made()[0])
    assert [one for one in faults if fault in one] == faults


@given(st.dictionaries(st.sampled_from([*LIGHT, "other"]), st.text(max_size=12) | st.from_regex("#[0-9a-f]{6}")))
def test_whatever_colours_are_given_the_page_can_be_read(given_colours: dict[str, str]) -> None:
    colours, _ = palette.scheme(LIGHT, given_colours, "light")
    assert colours.keys() == LIGHT.keys()
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours.values())
    assert contrast(colours["ink"], colours["paper"]) >= 4.5
    assert contrast(colours["on_brand"], colours["brand"]) >= 4.5


def test_a_language_more_speaks_english_where_it_has_no_words() -> None:
    look, faults = made(ja='language = "日本語"\n[waiting]\ntitle = "お待ちください"\nminutes = "約{n}分"')
    assert faults == []
    japanese = look.catalogues["ja"]
    assert japanese.text("waiting.title") == "お待ちください"
    assert japanese.wait(300) == "約5分"
    assert japanese.text("door.join") == "Join the line"
    assert japanese.money(150_000, "KRW") == "KRW 150,000"


def test_some_words_of_our_languages_can_be_others() -> None:
    look, faults = made(ko='[door]\njoin = "줄서기"', en='[door]\njoin = "Queue up"\n[hold]\npay = "Pay"')
    assert faults == []
    assert (look.catalogues["ko"].text("door.join"), look.catalogues["en"].text("door.join")) == ("줄서기", "Queue up")
    assert look.catalogues["en"].text("hold.pay", amount="1") == "Pay"
    assert look.catalogues["ko"].text("door.title") == "대기열에 입장하세요"


@pytest.mark.parametrize(
    ("catalogue", "fault"),
    [
        ('[door]\njoin = "{n.__class__}"', "door.join: in braces there may be nothing"),
        ('[waiting]\nminutes = "{n.__class__} min"', "waiting.minutes: in braces there may be {n}"),
        ('[waiting]\nminutes = "{n!r} min"', "waiting.minutes: in braces there may be {n}"),
        ('[waiting]\nminutes = "{n:>9999999}"', "waiting.minutes: in braces there may be {n}"),
        ('[waiting]\nminutes = "{n"', "waiting.minutes: braces:"),
        ('[door]\njoin = ""', "door.join: write 1 to 500 characters"),
        ('[door]\njoin = "' + "x" * 501 + '"', "door.join: write 1 to 500 characters"),
        ("[door]\njoin = 7", "door.join: write 1 to 500 characters"),
        ('[door]\njoin = "a\\u0000b"', "door.join: write 1 to 500 characters"),
        ('[door]\nenter = "x"', "door.enter: there is no such text"),
        ('direction = "up"', "direction: write ltr or rtl"),
        ("x = " + "[" * 3000, "not used"),
        ("a" + ".a" * 30_000 + " = 1", "not used"),
    ],
)
def test_a_text_that_could_do_harm_is_left_out(catalogue: str, fault: str) -> None:
    look, faults = made(en=catalogue)
    assert look.catalogues["en"].entries == made()[0].catalogues["en"].entries
    assert len(faults) == 1
    assert fault in faults[0]


def test_a_new_language_needs_its_name() -> None:
    look, faults = made(fr='[door]\njoin = "Entrer"')
    assert "fr" not in look.catalogues
    assert "needs its own name" in faults[0]


def test_a_logo_is_a_picture_of_its_kind_and_small() -> None:
    look, faults = made(**{"logo.png": PNG})
    assert (look.logo, faults) == ("logo.png", [])
    found = look.assets.find(look.assets.hashed_name("logo.png"))
    assert found is not None
    assert (found[0].media_type, found[1]) == ("image/png", True)
    for body, fault in ((b"<html>", "no image/png"), (PNG + bytes(MOST_LOGO_BYTES), "stays light")):
        look, faults = made(**{"logo.png": body})
        assert look.logo is None
        assert fault in faults[0]
    assert "not used; known are" in made(**{"page.js": b"alert(1)"})[1][0]


def test_files_are_read_again_when_they_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "LOOK_SECONDS", 0.0)
    mounted = tmp_path / "page"
    pages = PageFolder(EventRef("shows", "gala"), mounted)
    assert pages.current.logo is None
    version = mounted / "..2026_01"
    version.mkdir(parents=True)
    (version / "logo.png").write_bytes(PNG)
    (mounted / "logo.png").symlink_to(Path("..2026_01") / "logo.png")  # as a kubelet lays a ConfigMap out
    assert pages.current.logo == "logo.png"
    before = pages.current
    assert pages.current is before
    (version / "logo.png").write_bytes(PNG + b"1")
    os.utime(version / "logo.png", ns=(1, 1))
    assert pages.current.assets.hashed_name("logo.png") != before.assets.hashed_name("logo.png")
    (mounted / "logo.png").unlink()
    assert pages.current.logo is None

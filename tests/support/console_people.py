"""Two people who do the same on a page of the console: one has a mouse, the other has only a keyboard."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, override

from playwright.sync_api import Locator

from tests.support.console_page import ConsolePage

type Role = Literal["link", "button", "radio", "checkbox"]

FARTHEST = 40
"""The most presses of Tab that anything may be away from where the person is."""
MOST_CHOICES = 40

WAY = """wanted => {
  const at = document.activeElement;
  if (at === wanted) return "here";
  if (at === document.body) return "after";
  if (wanted.type === "radio" && at.type === "radio" && at.name === wanted.name) return "here";
  return at.compareDocumentPosition(wanted) & Node.DOCUMENT_POSITION_FOLLOWING ? "after" : "before";
}"""
"""The place of an element, seen from the focus. A group of radio buttons is one place, in which arrows choose."""


class Person(Protocol):
    """A person in front of the console."""

    console: ConsolePage

    def press(self, wanted: Locator) -> None:
        """Press a button, or follow a link."""

    def choose(self, wanted: Locator) -> None:
        """Choose a radio button, or tick a checkbox."""

    def write(self, wanted: Locator, text: str) -> None:
        """Replace what a field has by a text."""

    def set_time(self, wanted: Locator, value: str) -> None:
        """Set a time such as "08:30" or "2026-12-24T18:00"."""

    def pick(self, wanted: Locator, option: str) -> None:
        """Pick an option of a list."""


@dataclass
class WithMouse:
    """A person who points and clicks, and types only text."""

    console: ConsolePage

    def press(self, wanted: Locator) -> None:
        """Click it."""
        wanted.click()

    def choose(self, wanted: Locator) -> None:
        """Click it."""
        wanted.click()

    def write(self, wanted: Locator, text: str) -> None:
        """Click into the field, select what it has, and type."""
        wanted.click(click_count=3)
        self.console.press("ControlOrMeta+a")
        self.console.page.keyboard.type(text)

    def set_time(self, wanted: Locator, value: str) -> None:
        """Choose the time, as in the browser's calendar."""
        wanted.click()
        wanted.fill(value)

    def pick(self, wanted: Locator, option: str) -> None:
        """Pick the option, as in the browser's list."""
        wanted.select_option(option)


@dataclass
class WithKeyboard:
    """A person who uses only the keyboard."""

    console: ConsolePage

    def reach(self, wanted: Locator) -> None:
        """Press Tab, or Shift and Tab, until an element has the focus.

        Raises:
            AssertionError: it is too far away, or can't be reached.
        """
        wanted.wait_for()
        for _ in range(FARTHEST + 1):
            way = wanted.evaluate(WAY)
            if way == "here":
                return
            self.console.press("Tab" if way == "after" else "Shift+Tab")
        raise AssertionError(f"{wanted} is more than {FARTHEST} presses of Tab away. Focus: {self.console.focus!r}")

    def press(self, wanted: Locator) -> None:
        """Go to it, and press Enter."""
        self.reach(wanted)
        self.console.press("Enter")

    def choose(self, wanted: Locator) -> None:
        """Go to it. Press Space for a checkbox, and arrows in a group of radio buttons."""
        self.reach(wanted)
        if wanted.get_attribute("type") == "checkbox":
            self.console.press("Space")
            return
        for _ in range(MOST_CHOICES):
            if wanted.is_checked():
                return
            self.console.press("ArrowDown")
        raise AssertionError(f"{wanted} can't be chosen with arrows")

    def write(self, wanted: Locator, text: str) -> None:
        """Go to the field, select what it has, and type."""
        self.reach(wanted)
        self.console.press("ControlOrMeta+a")
        self.console.page.keyboard.type(text)

    def set_time(self, wanted: Locator, value: str) -> None:
        """Go to the field, and type its parts in the order of this browser's language."""
        self.reach(wanted)
        if "T" in value:
            self.console.page.keyboard.type(f"{datetime.fromisoformat(value):%m%d%Y}")
            self.console.press("ArrowRight")
        hour, minute = value[-5:].split(":")
        self.console.page.keyboard.type(f"{int(hour) % 12 or 12:02}{minute}{'AM' if int(hour) < 12 else 'PM'}")

    def pick(self, wanted: Locator, option: str) -> None:
        """Go to the list, and press arrows until it shows the option."""
        self.reach(wanted)
        for key in ("ArrowDown", "ArrowUp"):
            for _ in range(MOST_CHOICES):
                if wanted.evaluate("e => e.selectedOptions[0].label") == option:
                    return
                self.console.press(key)
        raise AssertionError(f"{wanted} has no option {option}")


@dataclass(frozen=True)
class Step:
    """Something that a person does. ``str`` says it in words."""

    words: str
    do: Callable[[Person], object]

    @override
    def __str__(self) -> str:
        return self.words


def press(name: str) -> Step:
    """Return the step to press a button."""
    return Step(f"press “{name}”", lambda person: person.press(_found(person, "button", name)))


def follow(name: str, *, first: bool = False) -> Step:
    """Return the step to follow a link. ``first``: the first of several with this name."""
    return Step(f"follow “{name}”", lambda person: person.press(_found(person, "link", name, first=first)))


def choose(name: str) -> Step:
    """Return the step to choose one of several."""
    return Step(f"choose “{name}”", lambda person: person.choose(_found(person, "radio", name)))


def tick(name: str) -> Step:
    """Return the step to tick a checkbox."""
    return Step(f"tick “{name}”", lambda person: person.choose(_found(person, "checkbox", name)))


def write(name: str, text: str) -> Step:
    """Return the step to write a text into a field."""
    return Step(f"write {text!r} into “{name}”", lambda person: person.write(_labelled(person, name), text))


def set_time(name: str, value: str) -> Step:
    """Return the step to set a time."""
    return Step(f"set “{name}” to {value}", lambda person: person.set_time(_labelled(person, name), value))


def pick(name: str, option: str) -> Step:
    """Return the step to pick an option of a list."""
    return Step(f"pick “{option}” for “{name}”", lambda person: person.pick(_labelled(person, name), option))


def unfold(text: str) -> Step:
    """Return the step to open something that is folded."""

    def do(person: Person) -> None:
        person.press(person.console.page.locator("summary", has_text=text).first)

    return Step(f"unfold “{text}”", do)


def attach(name: str, file: Path) -> Step:
    """Return the step to choose a file of this computer."""

    def do(person: Person) -> None:
        with person.console.page.expect_file_chooser() as opened:
            person.press(_labelled(person, name))
        opened.value.set_files(file)

    return Step(f"choose {file.name} for “{name}”", do)


def see(text: str) -> Step:
    """Return the step to read something that the page shows."""
    return Step(f"see “{text}”", lambda person: person.console.wait_for(text))


def go(person: Person, steps: Sequence[Step]) -> None:
    """Let a person do some steps, one after the other.

    Raises:
        AssertionError: a step can't be done. The message names it.
    """
    for number, step in enumerate(steps, 1):
        person.console.settle()
        try:
            step.do(person)
        except Exception as error:
            text = person.console.page.inner_text("body")
            raise AssertionError(f"Step {number}, {step}: {error}\n\nThe page shows:\n{text}") from error


def _found(person: Person, role: Role, name: str, *, first: bool = False) -> Locator:
    found = person.console.page.get_by_role(role, name=name, exact=True)
    return found.first if first else found


def _labelled(person: Person, name: str) -> Locator:
    return person.console.page.get_by_label(name, exact=True)

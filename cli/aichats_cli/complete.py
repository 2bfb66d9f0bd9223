"""The completion of the shell: commands, options, and names from the API.

The scripts of `aichats completion` call `aichats __complete`, which prints a word a line, with a tab and its meaning.
Without an answer of the API within a second, there are no names. Nothing is ever printed to the terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer._click.shell_completion import CompletionItem, ShellComplete, split_arg_string

if TYPE_CHECKING:
    from aichats_cli.system import System

MOST_NAMES = 300
"""Three requests to the API at most."""
SECONDS = 1.0

BASH = r"""_aichats() {
    local line typed="${COMP_LINE:0:COMP_POINT}"
    local word="${typed##*[[:space:]]}" current="${COMP_WORDS[COMP_CWORD]}"
    local before="${word%"$current"}"  # Bash begins a new word after : and =
    [[ "$current" == [:=] ]] && before="$word"
    COMPREPLY=()
    while IFS=$'\t' read -r line _; do
        COMPREPLY+=("${line#"$before"}")
    done < <(aichats __complete --line "$typed" 2>/dev/null)
}
complete -o default -F _aichats aichats
"""
ZSH = r"""#compdef aichats
_aichats() {
    local line
    local -a found
    while IFS= read -r line; do
        line="${line//:/\\:}"
        found+=("${line/$'\t'/:}")
    done < <(aichats __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    if (( $#found )); then
        _describe -V 'aichats' found
    else
        _files
    fi
}
if [[ "$funcstack[1]" == "_aichats" ]]; then
    _aichats "$@"
else
    compdef _aichats aichats
fi
"""
FISH = r"""function __aichats
    set -l typed (commandline -opc) (commandline -ct)
    set -l found (aichats __complete $typed[2..] 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete --command aichats --no-files --keep-order --arguments '(__aichats)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
"""The script of each shell."""


class Words(ShellComplete):
    """Finds what can follow the words of a line."""

    def source_vars(self) -> dict[str, Any]:
        """Return nothing: the scripts have no variables."""
        return {}

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return nothing: the words come as arguments."""
        return [], ""

    def format_completion(self, item: CompletionItem) -> str:
        """Return a word with its meaning, in one line."""
        return "\t".join(" ".join(text.split()) for text in (str(item.value), item.help or "") if text)


def complete(command: Any, typed: list[str], system: System) -> None:
    """Print what can follow.

    Args:
        command: the command `aichats`.
        typed: the words after `aichats`, the last of which is incomplete; or ``--line`` and the whole line.
        system: the machine on which the command runs.
    """
    if typed[:1] == ["--line"]:
        line = "".join(typed[1:])
        typed = [*split_arg_string(line)[1:], *([""] if line[-1:].isspace() else [])]
    *before, incomplete = typed or [""]
    words = Words(command, {"obj": system}, "aichats", "")
    for item in words.get_completions(before, incomplete):
        print(words.format_completion(item), file=system.stdout)


def automation_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of automations that begin with ``incomplete``."""
    return [name for name, _ in found(context, "/automations", "name", incomplete)]


def subscription_names(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of subscriptions that begin with ``incomplete``."""
    return [name for name, _ in found(context, "/subscriptions", "name", incomplete)]


def run_ids(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the IDs of the newest runs that begin with ``incomplete``, each with its automation and its status."""
    return [
        (run_id, " ".join(filter(None, (run.get("automation"), run["status"]))))
        for run_id, run in found(context, "/runs", "run_id", incomplete, most=50)
    ]


def profile_names(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the names of profiles that begin with ``incomplete``, each with its address."""
    from aichats_cli.profiles import path_of, read

    known = read(path_of(system_of(context).variables)).known
    return [(name, profile.url) for name, profile in known.items() if name.startswith(incomplete)]


def found(
    context: typer.Context, path: str, field: str, incomplete: str, *, most: int = MOST_NAMES
) -> list[tuple[str, Any]]:
    """Return the items of a list whose ``field`` begins with ``incomplete``, with this field."""
    from aichats_cli.api import Api
    from aichats_cli.errors import CommandError
    from aichats_cli.profiles import choose

    system = system_of(context)
    try:
        profile = choose(context.params.get("profile"), system.variables)
        items = list(Api(profile, system, seconds=SECONDS, attempts=1).pages(path, limit=most))
    except CommandError:
        return []
    return [(item[field], item) for item in items if item[field].startswith(incomplete)]


def system_of(context: typer.Context) -> System:
    """Return the machine on which the command runs."""
    from aichats_cli.system import System

    return context.find_object(System) or System()

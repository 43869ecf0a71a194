"""The command `attnviz`: the app, the built-in models, a page of one run, a whole corpus.

    attnviz [app] [--server.port 8600 ...]    opens the app in the browser
    attnviz cards [--lang zh]                 prints the models that come with it
    attnviz show MODEL TEXT -o page.html      writes a page that opens without a network
    attnviz corpus MODEL FILE -o heads.csv    sums up what every head does over the sentences of a file

What cannot be done is one sentence in the user's language on stderr, and the exit code 2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

from attnviz import __version__, settings, threads
from attnviz.commands import terminal
from attnviz.commands.arguments import Arguments, split
from attnviz.errors import AttnvizError
from attnviz.messages import say

WRONG = 2  # exit codes: what argparse and click give for wrong arguments,
STOPPED, UNREAD = 130, 141  # and what a shell gives for Ctrl-C and for a pipe that nobody reads


def run() -> None:
    """Where the console script begins: do what the command line asks, and leave with its exit code."""
    threads.wait_quietly()
    terminal.speak()
    sys.exit(main(sys.argv[1:]))


def main(given: Sequence[str]) -> int:
    """Do what the words of a command line ask; the exit code."""
    language = terminal.language()
    try:
        name, words = split(given)
        if name == "app":
            from attnviz.commands import app

            return app.start(words)
        asked = Arguments.read(name, words)
        language = asked.language(language)
        for line in _done(asked, language):
            print(line, flush=True)
    except AttnvizError as error:
        print(error.say(language), file=sys.stderr)
        return WRONG
    except KeyboardInterrupt:
        return STOPPED
    except BrokenPipeError:  # `attnviz cards | head`: whoever read has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more at its end
        return UNREAD
    return 0


def _done(asked: Arguments, language: str) -> Iterable[str]:
    """Do it; the lines to print."""
    if asked.version:
        return [f"attnviz {__version__}"]
    if asked.help or not asked.name:
        return _helped(asked.name, language)
    from attnviz.commands import cards, corpus, show

    return {"cards": cards.lines, "corpus": corpus.lines, "show": show.lines}[asked.name](asked.checked(), language)


def _helped(name: str, language: str) -> Iterable[str]:
    """The page of a command; that of all of them ends with the settings of the app."""
    yield say(f"command.help_{name or 'all'}", language).rstrip()
    if not name:
        yield say("settings.help", language)
        yield settings.written(language)

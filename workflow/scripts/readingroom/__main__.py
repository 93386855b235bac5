"""The command `reading-room`: serve a study, invite its readers, bring readings out and in."""

import argparse
import sys
from contextlib import closing
from pathlib import Path

from cxrnoise.core.errors import UserError
from cxrnoise.reading import answers

from . import agreement, links, server
from .store import Store
from .study import Study, load

FIRST_READER = "reader-1"
SAME_ADDRESS = (
    "Give --host, --port and --public-url as you give them to serve: they are part of the link."
)
EXAMPLES = """\
examples:
  reading-room STUDY serve
  reading-room STUDY invite "Dr. Ito"
  reading-room STUDY invite "Dr. Mori" --cases disputed
  reading-room STUDY export readings.csv

Each command has a help: reading-room STUDY invite --help. The other commands work while
`serve` runs. docs/reading-room.md says more.
"""


def main() -> None:
    arguments = _parser().parse_args()
    try:
        study = load(arguments.study)
        with closing(Store(_room(arguments), study.id, study.asked)) as store:
            arguments.command(study, store, arguments)
    except UserError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print("The reading room is closed; every answer that was shown as saved is on disk.")


def _room(arguments: argparse.Namespace) -> Path:
    folder = Path(arguments.study).resolve()
    room = Path(arguments.room).resolve() if arguments.room else folder.parent / "room"
    if room.is_relative_to(folder):
        raise UserError(
            f"--room {arguments.room} is inside the study, which stays as it is: "
            "choose a folder outside it."
        )
    return room


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reading-room",
        description="Let people read the cases of a study in the browser, and get their readings.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("study", metavar="STUDY", help="folder of the study; it has a study.json")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")

    def command(name: str, function, parent: argparse.ArgumentParser, text: str, more: str):
        full = f"{text[0].upper()}{text[1:]}. {more}"
        added = commands.add_parser(name, help=text, description=full, parents=[parent])
        added.set_defaults(command=function)
        return added

    room = _room_options()
    served = _served_options(room)
    new = "A new room prints the links of a first reader and of the administrator."
    command("serve", _serve, served, "serve the study until Ctrl+C", new)
    more = f"A reader reads all cases unless you say which. {SAME_ADDRESS}"
    _add_invite(command("invite", _invite, served, "print the link of another reader", more))
    more = f"The former link no longer opens. {SAME_ADDRESS}"
    command("admin", _admin, served, "print a new link to the administrator's page", more)
    more = "These are the newest answers of each reader to each case."
    export = command("export", _export, room, "write the readings to a CSV file", more)
    export.add_argument("file", metavar="FILE", help="the CSV file, which is replaced if it exists")
    more = "All of them are added, or none if a row is wrong."
    added = command("import", _import, room, "add the readings of a CSV file", more)
    added.add_argument("file", metavar="FILE", help="a CSV file that export wrote")
    return parser


def _room_options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--room", metavar="DIR", help="folder of the readings (default: room, beside STUDY)"
    )
    return options


def _served_options(room: argparse.ArgumentParser) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False, parents=[room])
    options.add_argument(
        "--host", default="127.0.0.1", help="address of the server (default: %(default)s)"
    )
    options.add_argument(
        "--port", type=int, default=8000, help="port of the server (default: %(default)s)"
    )
    options.add_argument(
        "--public-url",
        metavar="URL",
        help="address that readers use, where a web server stands in front of this one",
    )
    return options


def _add_invite(invite: argparse.ArgumentParser) -> None:
    invite.add_argument("name", metavar="NAME", help="name of the reader, as the readings show it")
    invite.add_argument(
        "--again", action="store_true", help="replace the link of a reader whom you invited before"
    )
    some = invite.add_mutually_exclusive_group()
    some.add_argument(
        "--cases",
        choices=["disputed"],
        help="disputed: only the cases on which readers disagree by now",
    )
    some.add_argument(
        "--part",
        type=_share,
        metavar="SHARE",
        help="only a random part of the cases, such as 0.3; it is the same for all readers",
    )


def _serve(study: Study, store: Store, arguments: argparse.Namespace) -> None:
    _base(arguments)
    with server.listen(arguments.host, arguments.port) as listener:
        arguments.port = listener.getsockname()[1]
        base = _base(arguments)
        print(f"The reading room of {study.title!r} ({len(study.images)} cases) is open at {base}")
        if store.readers():
            print("Readers continue with the links they have; invite and admin make new ones.")
        else:
            _print_reader_link(FIRST_READER, base, store.invite(FIRST_READER))
            _print_admin_link(base, store.new_admin())
        print("Stop it with Ctrl+C.", flush=True)
        server.serve(study, store, listener, base)


def _invite(study: Study, store: Store, arguments: argparse.Namespace) -> None:
    base = _base(arguments)
    cases = None
    if arguments.cases:
        disputed = agreement.disputed(store.readings())
        cases = [case for case in disputed if case in study.images]
        if not cases:
            raise UserError(
                "No two readers disagree on a case so far: invite without --cases disputed, or "
                "wait until two readers have read the same cases."
            )
    elif arguments.part:
        cases = study.part(arguments.part)
    token = store.invite(arguments.name, arguments.again, cases)
    if cases is not None:
        print(f"{arguments.name} reads {len(cases)} of {len(study.images)} cases.")
    _print_reader_link(arguments.name, base, token)


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return share


def _admin(study: Study, store: Store, arguments: argparse.Namespace) -> None:
    base = _base(arguments)
    _print_admin_link(base, store.new_admin())


def _base(arguments: argparse.Namespace) -> str:
    return links.base_url(arguments.host, arguments.port, arguments.public_url)


def _print_reader_link(name: str, base: str, token: str) -> None:
    print(f"Link of {name}, to be given to nobody else:\n  {links.link(base, token)}")


def _print_admin_link(base: str, token: str) -> None:
    print(f"Link to the administrator's page:\n  {links.link(base, token)}")


def _export(study: Study, store: Store, arguments: argparse.Namespace) -> None:
    found = store.readings()
    answers.write_csv(found, arguments.file)
    print(f"{arguments.file}: {len(found)} readings of {len({r.reader for r in found})} readers")


def _import(study: Study, store: Store, arguments: argparse.Namespace) -> None:
    found = answers.read_csv(arguments.file, study.id, study.images, study.asked)
    new = store.add(found, arguments.file)
    print(f"{arguments.file}: {new} readings added, {len(found) - new} were there already")


if __name__ == "__main__":
    main()

"""Serve a reading study, invite its readers, and bring readings out and in.

python -m readingroom STUDY serve
python -m readingroom STUDY invite NAME [--cases disputed | --part 0.3]
python -m readingroom STUDY admin
python -m readingroom STUDY export FILE.csv
python -m readingroom STUDY import FILE.csv
"""

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
        prog="python -m readingroom",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("study", metavar="STUDY", help="folder of the study, with study.json")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--room", help="folder of the database (default: room, beside STUDY)")
    served = argparse.ArgumentParser(add_help=False, parents=[shared])
    served.add_argument("--host", default="127.0.0.1", help="address to listen at")
    served.add_argument("--port", type=int, default=8000)
    served.add_argument("--public-url", metavar="URL", help="address readers use, behind a proxy")

    def command(name: str, function, parent: argparse.ArgumentParser, text: str):
        added = commands.add_parser(name, help=text, description=text, parents=[parent])
        added.set_defaults(command=function)
        return added

    command("serve", _serve, served, "serve the study until it is stopped")
    invite = command("invite", _invite, served, "print the link of a new reader")
    invite.add_argument("name", metavar="NAME")
    invite.add_argument("--again", action="store_true", help="replace the link of a known reader")
    some = invite.add_mutually_exclusive_group()
    some.add_argument(
        "--cases", choices=["disputed"], help="only cases on which the readers so far disagree"
    )
    some.add_argument(
        "--part", type=_share, help="only this random part of the cases, the same for all readers"
    )
    command("admin", _admin, served, "print a new link to the administrator's page")
    command("export", _export, shared, "write the readings as CSV").add_argument("file")
    command("import", _import, shared, "add the readings of a CSV file").add_argument("file")
    return parser


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

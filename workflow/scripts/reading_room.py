"""The command `reading-room` of the readers' web application, as `envs/reading-room` starts it."""

import sys

try:
    from readingroom.__main__ import main
except ModuleNotFoundError as error:
    sys.exit(
        f"{sys.executable} has no package {error.name}: make .venv with `make venv`, or activate a "
        "conda environment of envs/reading-room.yaml."
    )

if __name__ == "__main__":
    main()

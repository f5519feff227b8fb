"""Write down the hashes of the firmware in this clone: what a gateway of this release knows."""

import sys

from gateway import release


def main() -> int:
    made = release.of_sources()
    release.write(made)
    print(f"{release.MANIFEST}: version {made.version}, {len(made.modules)} modules")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``chairside check``: every fault of a chair's configuration at once."""

from __future__ import annotations

import argparse

_EXAMPLE = """\
example: chairside check chair.toml

  format = 1
  [chair]
  site = "clinic"
  name = "chair-1"
  [source]
  port = "/dev/ttyACM0"                 # or serial_number = "E6605481DB6A1B2C", wherever it is plugged in
  board = "e6605481db6a1b2c"            # may be left out: the first board heard is the chair's until a restart
  [broker]                              # may be left out: auto
  url = "mqtt://10.0.0.5:1883"
  [oximeter]                            # without it saturation is marked uncalibrated
  calibration = "oximeter.toml"
  [hemodynamics]                        # without it stroke volume and its kin are per cent of a baseline
  reference = "output.toml"             # chair, cardiac_output_l_min, measured_at, valid_min, method, made_by
  [alarms]                              # may be left out: adult
  profile = "clinic.toml"               # adult, iv, im, nasal, oral or a clinic's own, signed off
  [state]                               # without it alarms, acknowledgements and session end with the program
  directory = "state"                   # of this chair alone; beside this file, unless it begins with /
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "check",
        help="every fault of a configuration at once",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", nargs="?", default="chair.toml", help="default: %(default)s")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from gateway.config import load_config

    config = load_config(args.config)
    place = f"{config.chair.site}/{config.chair.name}, board at {config.port}"
    print(f"{args.config}: good; {place}, alarm profile {config.alarms.profile}")
    return 0

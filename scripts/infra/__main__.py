"""`python -m scripts.infra`: what runs on AWS, as CloudFormation stacks.

python -m scripts.infra print [STACK…]     # the templates
python -m scripts.infra deploy [STACK…]    # create or change the stacks, all but the scheduler where none is named
python -m scripts.infra outputs            # names of what is deployed
python -m scripts.infra conf               # mrjob.conf that leads -r emr to it
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from pathlib import Path
from typing import Any

from jobs.emr import bundle, cluster, outlook, packages, price_list, prices
from jobs.engine.cache import cache_folder
from jobs.engine.guard import guarded, subcommands
from jobs.engine.on_emr import kept
from jobs.errors import JobError, UsageError
from jobs.lake.s3_client import refusal
from scripts.infra import certificates, crontab, mrjob_conf, templates
from scripts.infra.deploy import WAIT, Deployment

_PRICES = ".sensor-jobs/prices.json"
_COMMANDS = {
    "print": "print the templates",
    "deploy": "create or change the stacks: those named, else all but the scheduler host",
    "outputs": "print the names of what is deployed",
    "conf": "print the mrjob.conf that leads -r emr to it",
}


def main() -> int:
    """Does what the command line says. Raises JobError."""
    options = _parser().parse_args()
    if options.command == "print":
        print(*map(templates.text, options.stacks or templates.STACKS), sep="\n---\n", end="")
        return 0
    try:
        return _with_aws(options)
    except JobError:
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("botocore", "boto3"):
            raise
        raise refusal(error, "CloudFormation", JobError) from None


def _with_aws(options: argparse.Namespace) -> int:
    import boto3

    session = boto3.session.Session(region_name=options.region)
    if session.region_name is None:
        raise UsageError("no AWS region is set", fix="set AWS_REGION, or give --region")
    deployment = Deployment(session.client("cloudformation"), options.prefix, print, options.wait)
    if options.command == "deploy":
        for stack in [name for name in templates.STACKS if name in (options.stacks or templates.STACKS[:-1])]:
            given = dict(options.parameter)
            outputs = deployment.outputs()
            if stack == "access" and "LakeBucket" in outputs:
                own = certificates.uri(outputs["LakeBucket"])
                if {**deployment.parameters(stack), **given}.get("CertificatesUri", own) == own:
                    certificates.ensure(session.client("s3"), outputs["LakeBucket"], session.region_name)
                    given["CertificatesUri"] = own
            if stack == "scheduler" and "LakeBucket" in outputs:
                _furnish(session, options.prefix, outputs, given)
            declared = templates.load(stack)["Parameters"]
            deployment.deploy(stack, {name: value for name, value in given.items() if name in declared})
    outputs = deployment.outputs()
    if not outputs:
        fix = f"python -m scripts.infra deploy --prefix {options.prefix}"
        raise JobError("nothing is deployed", where=options.prefix, fix=fix)
    if options.command == "conf":
        print(_conf(outputs, options.prefix, session.region_name), end="")
    else:
        width = max(map(len, outputs))
        print(*(f"{name:<{width}}  {value}" for name, value in sorted(outputs.items())), sep="\n")
    return 0


def _furnish(session: Any, prefix: str, outputs: dict[str, str], given: dict[str, str]) -> None:
    """Put into the lake what the scheduler host installs."""
    text = _conf(outputs, prefix, session.region_name)
    s3, lake = session.client("s3"), outputs["LakeBucket"]
    s3.put_object(Bucket=lake, Key=mrjob_conf.KEY, Body=text.encode())
    if (answer := _prices(session.region_name)).exists():
        s3.upload_file(str(answer), lake, _PRICES)
    if "Bundles" not in given:
        folder, base = cache_folder() / "emr-bundles", f"s3://{lake}/{cluster.FOLDER}"
        made = (f"{name}={packages.for_nodes(folder, name, base)}" for name in bundle.ARCHITECTURES)
        given["Bundles"] = ",".join(made)


def _prices(region: str) -> Path:
    """Where today's prices of all nodes are, if AWS can be asked: the host cannot reach its price list."""
    sorts = itertools.product(bundle.ARCHITECTURES, (False, True))
    names = [name for architecture, readings in sorts for name in outlook.types(architecture, readings=readings)]
    price_list.current(prices.load(), region, names, kept())
    return price_list.kept_at(kept(), region)


def _conf(outputs: dict[str, str], prefix: str, region: str) -> str:
    try:
        return mrjob_conf.text(outputs, prefix, region)
    except KeyError as error:
        raise JobError(f"{error.args[0]} is not deployed", where=prefix, fix="python -m scripts.infra deploy") from None


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    known = {name for stack in templates.STACKS for name in templates.load(stack)["Parameters"]} - {"Prefix"}
    if not equals or name not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE with a NAME of {', '.join(sorted(known))}")
    return name, crontab.checked(value) if name == "CronLines" else value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.infra",
        description="What runs on AWS, as CloudFormation stacks.",
        epilog="Credentials and region are found as boto3 finds them; AWS_ENDPOINT_URL leads to another place.",
        allow_abbrev=False,
    )
    for name, command in subcommands(parser, _COMMANDS):
        if name in ("print", "deploy"):
            shown = ", ".join(templates.STACKS)
            command.add_argument("stacks", nargs="*", choices=[[], *templates.STACKS], metavar="STACK", help=shown)
        if name != "print":
            command.add_argument("--prefix", default="sensor-jobs", help="begins all names (%(default)s)")
            command.add_argument("--region", default=os.environ.get("AWS_REGION"), help="where (as boto3 finds it)")
        command.set_defaults(wait=WAIT)
        if name == "deploy":
            command.add_argument(
                "--parameter",
                type=_parameter,
                action="append",
                default=[],
                metavar="NAME=VALUE",
                help="a parameter of the templates; it is kept by later calls",
            )
            command.add_argument(
                "--wait", type=float, default=WAIT, metavar="SECONDS", help="between two looks (%(default)s)"
            )
    return parser


if __name__ == "__main__":
    sys.exit(guarded(main))

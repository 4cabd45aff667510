"""The verb `alert`: options in, lines out. Imported for --help, so nothing heavy at the top."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from velib.monitoring.alerts.configuration import Alerts, Receiver
    from velib.monitoring.alerts.evaluation import Evaluation


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="The file with the table [alerts].")
@click.option("--dry-run", is_flag=True, help="Show what would be sent. Nothing is sent, and nothing remembered.")
@click.option("--test", "tested", metavar="NAME", help="Send a test message to this receiver, and evaluate nothing.")
@click.pass_context
def alert(ctx: click.Context, config: Path | None, dry_run: bool, tested: str | None) -> None:
    """Evaluate the rules once: open and close incidents, and tell who has to be told.

    Which rules and receivers there are, says the table [alerts] of $VELIB_HOME/poll.toml (or $VELIB_POLL_CONFIG, or --config).
    """
    from velib.core import settings
    from velib.core.errors import UsageError
    from velib.monitoring.alerts import configuration
    from velib.monitoring.alerts.evaluation import evaluate_once, report
    from velib.monitoring.alerts.log import to_stderr

    path = config or settings.poll_config()
    alerts = configuration.read(path)
    if alerts is None:
        raise UsageError(
            f"no alerts: {path} has no table [alerts]; docs/operations.md, Alerts, says what to write into it"
        )
    to_stderr()
    if tested is not None:
        _send_test(alerts, alerts.receiver(tested))
        return
    evaluation = evaluate_once(alerts, dry_run)
    report(evaluation)
    if dry_run:
        _show(evaluation)
    _say(evaluation, dry_run)
    if evaluation.failures or evaluation.failed_rules:
        ctx.exit(1)


def _send_test(alerts: Alerts, receiver: Receiver) -> None:
    from datetime import UTC, datetime

    from velib.core.errors import VelibError
    from velib.monitoring.alerts.configuration import Rule
    from velib.monitoring.alerts.messages import Message, Part
    from velib.monitoring.alerts.receivers import DeliveryError, send
    from velib.monitoring.alerts.state import Due, Incident

    incident = Incident(0, "velib alert --test", "nothing is wrong", None, datetime.now(UTC), None)
    part = Part(Rule("test", "test", "info"), Due(opened=(incident,)))
    try:
        send(receiver, Message((part,), alerts.time_zone))
    except DeliveryError as error:
        raise VelibError(f"{receiver.name}: {error}") from None
    click.echo(f"{receiver.name}: sent")


def _show(evaluation: Evaluation) -> None:
    for receiver, messages in evaluation.messages.items():
        for message in messages:
            click.echo(f"to {receiver.name}:")
            click.echo("".join(f"  {line}\n" for line in message.text().splitlines()))


def _say(evaluation: Evaluation, dry_run: bool) -> None:
    if evaluation.is_skipped:
        click.echo("another evaluation is under way: nothing was done", err=True)
        return
    if dry_run:
        said = f"messages that would be sent: {sum(map(len, evaluation.messages.values())):,}"
    else:
        failed = len(evaluation.failures)
        said = f"messages sent: {len(evaluation.outcomes) - failed:,}, not delivered: {failed:,}"
    click.echo(f"open incidents: {evaluation.open_incidents:,}; {said}")

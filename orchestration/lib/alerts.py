"""The alerts, evaluated from Dagster: what came of it, in words for a sensor's tick."""

from alerting import log
from alerting.configuration import read
from alerting.evaluation import evaluate_and_log
from warehouse import settings
from warehouse.database import database_url
from warehouse.errors import VelibError


def evaluate() -> str:
    """Evaluate them once, where there are any. Raises nothing that the outside world can cause."""
    log.to_stderr()
    try:
        alerts = read(settings.poll_config())
        if alerts is None:
            return "no alerts are configured"
        # Whoever has stopped the embedded server wants it to be so: no run has to go on.
        database_url(start=False)
    except VelibError as error:
        log.log("critical", "alerts_failed", detail=error)
        return str(error)
    evaluation = evaluate_and_log(alerts)
    if evaluation is None:
        return "it failed: the log of the code location says why"
    if evaluation.is_skipped:
        return "another evaluation is under way"
    failed = len(evaluation.failures)
    return f"open incidents: {evaluation.open_incidents}; sent: {len(evaluation.outcomes) - failed}, not delivered: {failed}"

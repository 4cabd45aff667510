"""The alerts, evaluated from Dagster: what came of it, in words for a sensor's tick."""

from velib.core import settings
from velib.core.errors import VelibError
from velib.monitoring.alerts import log
from velib.monitoring.alerts.configuration import read
from velib.monitoring.alerts.evaluation import evaluate_and_log
from velib.postgres.database import database_url


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

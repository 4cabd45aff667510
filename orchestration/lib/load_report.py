"""What a load reports to Dagster: its figures as metadata, its progress as log lines, its quarantine as a check."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from ingestion.loading.load import LoadSummary

SHOWN_FILES = 20
LOG_EVERY_SECONDS = 10.0


def metadata_by_table(summary: "LoadSummary") -> dict[str, dict[str, Any]]:
    """The load's figures, each at the table it is about."""
    figures: dict[str, Any] = {
        "rows_loaded": summary.new,
        "change_rows_loaded": summary.changes,
        "files": summary.files,
        "files_known": summary.known,
        "files_duplicate": summary.duplicates,
        "seconds": round(summary.seconds, 3),
    }
    if summary.ms_per_snapshot is not None:
        figures["ms_per_snapshot"] = round(summary.ms_per_snapshot, 2)
    return {
        "snapshots": figures,
        "quarantined_files": {
            "files_quarantined": len(summary.quarantined),
            "files_still_quarantined": summary.still_quarantined,
        },
        "loads": {"rows_loaded": len(summary.load_ids)},
    }


def quarantine_check(summary: "LoadSummary") -> dg.AssetCheckResult:
    """Passed when the load found no file that cannot count. Those quarantined before, and unchanged, do not fail it again."""
    found = summary.quarantined
    metadata: dict[str, Any] = {"files_quarantined": len(found)}
    if found:
        rows = [
            dg.TableRecord({"file": each.file.path, "reason": each.reason, "detail": each.detail})
            for each in found[:SHOWN_FILES]
        ]
        metadata["first_files" if len(found) > SHOWN_FILES else "files"] = dg.MetadataValue.table(
            rows, dg.TableSchema([dg.TableColumn(name) for name in ("file", "reason", "detail")])
        )
    return dg.AssetCheckResult(
        passed=not found,
        check_name="quarantine_not_growing",
        asset_key=["raw", "quarantined_files"],
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


class ProgressLog:
    """A line when a load begins, and one now and then while it goes on."""

    def __init__(self, log: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._total = self._done = 0
        self._next = clock() + LOG_EVERY_SECONDS

    def listed(self, files: int) -> None:
        self._total = files
        self._log(f"{files:,} files in the landing zone")

    def settled(self, files: int) -> None:
        self._done += files
        if self._clock() >= self._next:
            self._next = self._clock() + LOG_EVERY_SECONDS
            self._log(f"{self._done:,} of {self._total:,} files")

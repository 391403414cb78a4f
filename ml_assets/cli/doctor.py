"""`ml-assets doctor`: everything that can be examined, each room by its own; what is not well, with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ml_assets.failures import bug, traced, words
from ml_assets.records.health import Examined
from ml_assets.settings import Settings, read_settings


def rooms() -> dict[str, Callable[[Settings], Iterator[Examined]]]:
    """Give what each room examines, in the order in which one thing rests on another."""
    from ml_assets.lifecycle.examine import examine as kept
    from ml_assets.orchestration.examine import examine as runs
    from ml_assets.registry.examine import examine as models
    from ml_assets.settings.examine import examine as machine
    from ml_assets.sources.feature_store.examine import examine as features

    return {"machine": machine, "features": features, "models": models, "batches": kept, "runs": runs}


def examine_all(progress: Callable[[str], None]) -> dict[str, Any]:
    """Examine everything; what cannot be examined is not well.

    Returns
    -------
    dict
        `ok`, and `checks`: each with `part`, `found`, `ok`, `remedy`.
    """
    settings = read_settings()
    checks: list[Examined] = []
    for name, examine in rooms().items():
        progress(f"examining {name}")
        try:
            checks.extend(examine(settings))
        except Exception as error:  # noqa: BLE001 - whatever one room finds, the others are examined
            traced(error)
            told = words(error, settings.home)
            found = told[0] if told else bug(error)
            checks.append(
                Examined(part=name, found=found, ok=False, remedy="do what it says, then ask again")
            )
    return {"ok": all(each.ok for each in checks), "checks": [each.model_dump() for each in checks]}


def doctor_text(result: dict[str, Any]) -> str:
    """Lay the findings out, what is not well last, where it is seen."""
    lines = [f"well      {each['part']}: {each['found']}" for each in result["checks"] if each["ok"]]
    wrong = [each for each in result["checks"] if not each["ok"]]
    for each in wrong:
        lines += [f"NOT WELL  {each['part']}: {each['found']}", f"          → {each['remedy']}"]
    if not wrong:
        return "\n".join([*lines, "all is well"])
    return "\n".join(
        [*lines, "1 thing is not well" if len(wrong) == 1 else f"{len(wrong)} things are not well"]
    )

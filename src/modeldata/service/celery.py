"""`record_tasks`: tasks of a Celery application whose calls are archived.

record_tasks(app, Recorder("churn"), ["predict*"])
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from modeldata.service.wrapped import wrapper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.service.recorder import Recorder

NO_TASKS_OF_USERS = "celery."


def record_tasks(app: Any, recorder: Recorder, names: Sequence[str]) -> None:
    """Each run of a task that fits one of these names is a call: its arguments are the inputs, its result the predictions.

    `*` stands for any text; a task is named by its module too, as in "service.predict". The correlation id is the id of the task.
    A result is archived before Celery stores it. A run that fails or asks for another try has its row in `requests`. This holds
    for all pools of workers, and for tasks that are called as functions.
    """
    app.on_after_finalize.connect(lambda **_: _record(app, recorder, names), weak=False)


def _record(app: Any, recorder: Recorder, names: Sequence[str]) -> None:
    for name, task in app.tasks.items():
        if not name.startswith(NO_TASKS_OF_USERS) and any(fnmatchcase(name, pattern) for pattern in names):
            facts = {"integration": "celery", "route": name}
            task.run = wrapper(recorder, None, None, lambda *_, _task=task, **__: _task.request.id or "", facts)(task.run)

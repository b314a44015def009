"""`record_tasks`: archives calls of the tasks of a Celery application.

record_tasks(app, Recorder("churn"), ["predict*"])
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from celery.signals import worker_init

from modeldata.service.wrapped import wrapper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeldata.service.recorder import Recorder

NO_TASKS_OF_USERS = "celery."
MARK = "modeldata_records"
"""An attribute of functions that are recorded."""


def record_tasks(app: Any, recorder: Recorder, names: Sequence[str]) -> None:
    """Each run of a task that fits one of these names is a call: its arguments are the inputs, its result the predictions.

    `*` stands for any text; a task is named by its module too, as in "service.predict". The correlation id is the id of the task.
    A result is archived before Celery stores it. A run that fails or asks for another try has its row in `requests`. This holds
    for all pools of workers, and for tasks that are called as functions. A task that is recorded already stays as it is: a run is
    one call.
    """

    def record(**_: Any) -> None:
        _record(app, recorder, names)

    if app.finalized:
        record()
    else:
        app.on_after_finalize.connect(record, weak=False)
    worker_init.connect(record, weak=False)  # for tasks of modules that are imported later


def _record(app: Any, recorder: Recorder, names: Sequence[str]) -> None:
    for name, task in app.tasks.items():
        if name.startswith(NO_TASKS_OF_USERS) or not any(fnmatchcase(name, pattern) for pattern in names):
            continue
        if not hasattr(task.run, MARK):
            facts = {"integration": "celery", "route": name}
            task.run = wrapper(recorder, None, None, lambda *_, _task=task, **__: _task.request.id or "", facts)(task.run)
            setattr(task.run, MARK, True)

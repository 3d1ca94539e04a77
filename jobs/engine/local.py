"""mrjob's local runner, fitted to plans: it forks its tasks from the driver."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from jobs.engine import compat, forks, progress
from jobs.engine.cores import cores
from jobs.engine.mrjob_engine import PACKAGE_ROOT
from jobs.engine.planned import PlannedTasks
from jobs.engine.sharing import SharedLines

compat.install()

with compat.hidden("pyspark"):  # which mrjob imports here only to find where it lies
    from mrjob.local import LocalMRJobRunner


class ForkingRunner(PlannedTasks, LocalMRJobRunner):  # type: ignore[misc]  # mrjob has no types
    """`-r local`: tasks are forks of the driver; mrjob's own subprocesses where forking is unsafe or setup is asked."""

    def __init__(self, mrjob_cls: type[Any], num_tasks: int, **kwargs: Any) -> None:
        self._mrjob_cls = mrjob_cls
        self.num_tasks = num_tasks
        super().__init__(**kwargs)
        own_environment = self._opts["setup"] or self._opts["py_files"] or self._opts["python_bin"]
        self._forks = forks.available and not own_environment
        self._plan: SharedLines | None = None  # while mappers run

    def _deal(self, role: str, step_num: int, shares: Sequence[Sequence[bytes]]) -> None:
        super()._deal(role, step_num, shares)
        all_at_once = self._forks and len(shares) <= self._num_cores()
        self._plan = SharedLines(shares) if role == "mapper" and all_at_once else None

    def _create_setup_wrapper_scripts(self) -> None:
        if not self._forks:
            super()._create_setup_wrapper_scripts()

    def _env_for_task(self, *args: Any, **kwargs: Any) -> dict[str, str]:
        env: dict[str, str] = super()._env_for_task(*args, **kwargs)
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [env.get("PYTHONPATH"), str(PACKAGE_ROOT)]))
        return env

    def _invoke_task_func(self, task_type: str, step_num: int, task_num: int) -> Callable[..., None]:
        if not self._forks:
            func: Callable[..., None] = super()._invoke_task_func(task_type, step_num, task_num)
            return func
        return partial(self._invoke_here, self._args_for_task(step_num, task_type), task_num)

    def _invoke_here(self, args: list[str], task_num: int, /, *streams_and_place: Any) -> None:
        """Be the task: called in the fork, which has no one else to disturb."""
        import pyarrow as pa

        stdin, stdout, stderr, wd, env = streams_and_place
        if (watched := progress.current()) is not None:
            watched.meter.enter(task_num)
        pa.set_cpu_count(1)
        os.environ.update(env)
        os.chdir(wd)
        sys.path.insert(0, wd)
        task = self._mrjob_cls(args)
        if self._plan is not None:
            stdin = self._plan.take(task_num)
        task.sandbox(stdin, stdout, stderr)
        task.execute()
        stdout.flush()

    def _run_multiple(self, funcs: Iterable[Callable[[], None]], num_processes: int | None = None) -> None:
        if not self._forks:
            super()._run_multiple(funcs, num_processes)
            return
        watched = progress.current()
        forks.run_forked(funcs, self._num_cores(), watched.tick if watched else lambda: None)

    def _num_cores(self) -> int:
        return int(self._opts["num_cores"] or cores())

"""What EMR refuses, and what it takes but cannot start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.emr.exceptions import ValidationException
from moto.emr.responses import ElasticMapReduceResponse

ENDED = ("TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS")
_IDLE_SECONDS = range(60, 604_801)
_Answer = Callable[[Any], ActionResult]


def install() -> None:
    """Have moto refuse it too."""
    moto: Any = ElasticMapReduceResponse
    moto.run_job_flow = _run_job_flow(moto.run_job_flow)
    moto.add_job_flow_steps = _add_job_flow_steps(moto.add_job_flow_steps)


def invalid(cluster: Any) -> str | None:
    """Why a cluster cannot start, as EMR finds out after it has taken the request."""
    known = {name for zone in cluster.emr_backend.ec2_backend.subnets.values() for name in zone}
    if missing := [name for name in cluster.asked_subnets if name not in known]:
        what = "subnet configuration was invalid"
        return f"The VPC/{what}: The {what}: The subnet {missing[0]} does not exist."
    return None


def _run_job_flow(answer: _Answer) -> _Answer:
    def checked(response: Any) -> ActionResult:
        seconds = response._get_param("AutoTerminationPolicy.IdleTimeout")
        if seconds is not None and seconds not in _IDLE_SECONDS:
            raise ValidationException("The idle timeout of an auto-termination policy is from 60 to 604800 seconds.")
        given = answer(response)
        made: Any = given.result
        one = response._get_param("Instances.Ec2SubnetId")
        several = response._get_param("Instances.Ec2SubnetIds", [])
        response.backend.clusters[made["JobFlowId"]].asked_subnets = [one] if one else several
        return given

    return checked


def _add_job_flow_steps(answer: _Answer) -> _Answer:
    def checked(response: Any) -> ActionResult:
        cluster = response.backend.clusters[response._get_param("JobFlowId")]
        if cluster.state in ENDED:
            raise ValidationException("A job flow that is shutting down, terminated, or finished may not be modified.")
        actions = {step.get("ActionOnFailure") for step in response._get_param("Steps", [])}
        if cluster.step_concurrency_level > 1 and actions != {"CONTINUE"}:
            raise ValidationException("ActionOnFailure is not valid where a cluster runs several steps at once.")
        return answer(response)

    return checked

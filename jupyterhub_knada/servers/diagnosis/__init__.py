"""Why a server is not ready: a pod's status and its events, put in plain words. Pure."""

from jupyterhub_knada.servers.diagnosis.causes import Cause, Diagnosis
from jupyterhub_knada.servers.diagnosis.events import explain_event
from jupyterhub_knada.servers.diagnosis.pod_state import PodState
from jupyterhub_knada.servers.diagnosis.starts import (
    diagnose,
    explain_no_answer,
    explain_timeout,
    words_for_log,
)

__all__ = [
    "Cause",
    "Diagnosis",
    "PodState",
    "diagnose",
    "explain_event",
    "explain_no_answer",
    "explain_timeout",
    "words_for_log",
]

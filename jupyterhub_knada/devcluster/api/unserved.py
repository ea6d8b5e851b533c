"""The parts of pods and volumes that are refused, because nothing here would honour or check them.

Each names a struct of `schema.json` and some of its fields: 501 for an object that has one of them.
"""

from __future__ import annotations

from typing import Any, Final

from jupyterhub_knada.devcluster.api import kinds, statuses
from jupyterhub_knada.devcluster.api.schema import is_struct, struct

Json = dict[str, Any]

_OF_CLOUDS: Final = frozenset(
    {
        "awsElasticBlockStore",
        "azureDisk",
        "azureFile",
        "cephfs",
        "cinder",
        "fc",
        "flexVolume",
        "flocker",
        "gcePersistentDisk",
        "glusterfs",
        "iscsi",
        "photonPersistentDisk",
        "portworxVolume",
        "quobyte",
        "rbd",
        "scaleIO",
        "storageos",
        "vsphereVolume",
    }
)
_OLD_ANNOTATIONS: Final = (
    "container.apparmor.security.beta.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
    "kubernetes.io/config.",
    "seccomp.security.alpha.kubernetes.io/",
)
"""What was said in annotations before there were fields for it, and what a kubelet says of its own pods."""
FIELDS: Final[dict[str, frozenset[str]]] = {
    "core.PodSpec": frozenset(
        {
            "ephemeralContainers",
            "hostnameOverride",
            "overhead",
            "readinessGates",
            "resourceClaims",
            "resources",
            "schedulingGroup",
            "setHostnameAsFQDN",
        }
    ),
    "core.PodSecurityContext": frozenset({"seLinuxChangePolicy", "supplementalGroupsPolicy"}),
    "core.WindowsSecurityContextOptions": frozenset(
        {"gmsaCredentialSpec", "gmsaCredentialSpecName", "runAsUserName"}
    ),
    "core.TopologySpreadConstraint": frozenset({"minDomains"}),
    "core.Container": frozenset({"resizePolicy", "restartPolicyRules", "volumeDevices"}),
    "core.ResourceRequirements": frozenset({"claims"}),
    "core.Lifecycle": frozenset({"stopSignal"}),
    "core.Probe": frozenset({"terminationGracePeriodSeconds"}),
    "core.VolumeMount": frozenset({"mountPropagation", "recursiveReadOnly"}),
    "core.EnvVarSource": frozenset({"fileKeyRef"}),
    "core.Volume": _OF_CLOUDS | {"ephemeral", "gitRepo", "image"},
    "core.VolumeProjection": frozenset({"clusterTrustBundle", "podCertificate"}),
    "core.PersistentVolumeSpec": _OF_CLOUDS | {"local", "nodeAffinity", "volumeAttributesClassName"},
    "core.PersistentVolumeClaimSpec": frozenset({"dataSource", "dataSourceRef", "volumeAttributesClassName"}),
}
"""By struct: the fields that are not served."""


def refuse(resource: kinds.Resource, body: Json) -> None:
    """Refuse a new object that has what is not served.

    Raises:
        ApiError: 501, which names the first such field.
    """
    if resource is kinds.PODS:
        _check_pod(body)
    if resource in (kinds.PODS, kinds.VOLUMES, kinds.CLAIMS):
        spec = struct(resource.type)["spec"].type
        _walk(body["spec"], spec, "spec")


def _check_pod(pod: Json) -> None:
    if pod["spec"].get("os", {}).get("name") == "windows":
        raise statuses.not_served("pods of Windows")
    for name in pod["metadata"].get("annotations", {}):
        if name.startswith(_OLD_ANNOTATIONS):
            raise statuses.not_served(f"the annotation {name}")


def _walk(value: Any, type_name: str, path: str) -> None:
    if isinstance(value, list):
        for item in value:
            _walk(item, type_name.removeprefix("[]"), f"{path}[]")
    elif is_struct(type_name) and isinstance(value, dict):
        for key, inner in value.items():
            if key in FIELDS.get(type_name, ()):
                raise statuses.not_served(f"{path}.{key}")
            _walk(inner, struct(type_name)[key].type, f"{path}.{key}")

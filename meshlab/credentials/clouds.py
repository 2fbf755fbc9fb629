"""What each cloud's own CLI does for a job: write the cluster's kubeconfig, and sign in as the job.

The CLIs are those of GitHub's runner images. Plugins that are not there (gke-gcloud-auth-plugin, kubelogin) are not
needed: `meshlab credentials token` is the exec plugin of the kubeconfig. It asks GitHub anew each time, since a job may
take longer than any of these tokens is good for.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from base import process
from base.errors import MeshlabError
from base.files import write_private

from ..github.identity import identity_token, request

LIMIT_SECONDS = 120.0
GCLOUD_FRESH = timedelta(minutes=4)
"""gcloud does not say how long a token is good for. It hands out none with less than five minutes left."""
AKS_SERVER = "6dae42f8-4368-4678-94ff-3960e28e3630"
"""The application in Entra ID that stands for every AKS cluster's API server."""


@dataclass(frozen=True)
class Cloud(ABC):
    """A cloud, with the variables of the environment and a folder for what is only this job's."""

    variables: Mapping[str, str]
    folder: Path

    @property
    def identity(self) -> Path:
        """The file of GitHub's token, as it was last asked for."""
        return self.folder / "identity"

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """What the cloud's CLI and SDKs need; the engine's too, for a bucket or a key of the same cloud."""

    @abstractmethod
    def sign_in(self) -> None:
        """Make what `environment` names. Raises MeshlabError, ProcessError."""

    @abstractmethod
    def write(self, kubeconfig: Path) -> None:
        """Have the CLI write the cluster's kubeconfig. Raises ProcessError."""

    @abstractmethod
    def token(self) -> dict[str, str]:
        """The status of an ExecCredential: a token for the API server. Raises ProcessError."""

    def call(self, *words: str, **more: str) -> str:
        """Run the CLI as this job; returns what it says."""
        name = words[0]
        try:
            return process.run(words, timeout=LIMIT_SECONDS, env={**self.environment(), **more}).stdout
        except process.CommandMissingError:
            raise MeshlabError(f"{name}: expected it on PATH, got none (GitHub's runner images have it)") from None

    def answer(self, *words: str) -> dict[str, Any]:
        """The same for a CLI that answers in JSON."""
        said = self.call(*words)
        try:
            found: Any = json.loads(said)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise MeshlabError(f"{' '.join(words[:3])}: expected an object in JSON, got {said[:80]!r}")
        return found  # pyright: ignore[reportUnknownVariableType]


class Eks(Cloud):
    """Amazon EKS."""

    def environment(self) -> dict[str, str]:
        """The CLI and every SDK of AWS take the role by the token in the file."""
        names = {name: self.variables[name] for name in ("AWS_REGION", "AWS_ROLE_ARN")}
        return {**names, "AWS_WEB_IDENTITY_TOKEN_FILE": str(self.identity), "AWS_ROLE_SESSION_NAME": "meshlab"}

    def sign_in(self) -> None:
        """Keep a token in the file."""
        write_private(self.identity, identity_token("sts.amazonaws.com"))

    def write(self, kubeconfig: Path) -> None:
        """`aws eks update-kubeconfig`."""
        self.call("aws", "eks", "update-kubeconfig", *self._cluster("--name"), "--kubeconfig", str(kubeconfig))

    def token(self) -> dict[str, str]:
        """`aws eks get-token`."""
        status = self.answer("aws", "eks", "get-token", *self._cluster("--cluster-name"), "--output", "json")["status"]
        return {"token": status["token"], "expirationTimestamp": status["expirationTimestamp"]}

    def _cluster(self, option: str) -> tuple[str, ...]:
        return option, self.variables["EKS_CLUSTER"], "--region", self.variables["AWS_REGION"]


class Gke(Cloud):
    """Google Kubernetes Engine."""

    @property
    def _account(self) -> Path:
        return self.folder / "google.json"

    def environment(self) -> dict[str, str]:
        """gcloud and the SDKs take the file that says where tokens come from, each by a name of its own."""
        return {
            "GOOGLE_APPLICATION_CREDENTIALS": str(self._account),
            "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": str(self._account),
            "CLOUDSDK_CORE_PROJECT": self.variables["GCP_PROJECT"],
        }

    def sign_in(self) -> None:
        """Say where GitHub's tokens come from: Google's libraries ask there themselves, whenever they need one."""
        provider = self.variables["GCP_WORKLOAD_IDENTITY_PROVIDER"]
        url, headers = request(f"https://iam.googleapis.com/{provider}")
        account = self.variables.get("GCP_SERVICE_ACCOUNT")
        iam = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
        document = {
            "type": "external_account",
            "audience": f"//iam.googleapis.com/{provider}",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "https://sts.googleapis.com/v1/token",
            "credential_source": {
                "url": url,
                "headers": dict(headers),
                "format": {"type": "json", "subject_token_field_name": "value"},
            },
            **({"service_account_impersonation_url": f"{iam}/{account}:generateAccessToken"} if account else {}),
        }
        write_private(self._account, json.dumps(document, indent=1))

    def write(self, kubeconfig: Path) -> None:
        """`gcloud container clusters get-credentials`."""
        place = ("--location", self.variables["GKE_LOCATION"], "--project", self.variables["GCP_PROJECT"])
        words = ("gcloud", "container", "clusters", "get-credentials", self.variables["GKE_CLUSTER"], *place)
        self.call(*words, KUBECONFIG=str(kubeconfig))

    def token(self) -> dict[str, str]:
        """`gcloud auth print-access-token`."""
        token = self.call("gcloud", "auth", "print-access-token").strip()
        until = datetime.now(UTC) + GCLOUD_FRESH
        return {"token": token, "expirationTimestamp": f"{until:%Y-%m-%dT%H:%M:%SZ}"}


class Aks(Cloud):
    """Azure Kubernetes Service, where Entra ID signs in."""

    def environment(self) -> dict[str, str]:
        """The SDKs take the token in the file; the CLI keeps its sign-in in a folder, this job's own."""
        return {
            **{name: self.variables[name] for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID")},
            "AZURE_FEDERATED_TOKEN_FILE": str(self.identity),
            "AZURE_CONFIG_DIR": str(self.folder / "azure"),
        }

    def sign_in(self) -> None:
        """`az login`, which keeps no way to a second token: so each time anew."""
        write_private(self.identity, identity_token("api://AzureADTokenExchange"))
        who = ("--username", self.variables["AZURE_CLIENT_ID"], "--tenant", self.variables["AZURE_TENANT_ID"])
        # By the file's name: what stands in a command line, everybody on the machine can read.
        token = ("--federated-token", f"@{self.identity}")
        self.call("az", "login", "--service-principal", *who, *token, "--allow-no-subscriptions", "--output", "none")

    def write(self, kubeconfig: Path) -> None:
        """`az aks get-credentials`."""
        name = ("--name", self.variables["AKS_CLUSTER"], "--resource-group", self.variables["AKS_RESOURCE_GROUP"])
        place = ("--subscription", self.variables["AZURE_SUBSCRIPTION_ID"], "--file", str(kubeconfig))
        self.call("az", "aks", "get-credentials", *name, *place, "--overwrite-existing", "--output", "none")

    def token(self) -> dict[str, str]:
        """`az account get-access-token`."""
        words = ("az", "account", "get-access-token", "--resource", AKS_SERVER, "--output", "json")
        found = self.answer(*words, "--tenant", self.variables["AZURE_TENANT_ID"])
        until = datetime.fromtimestamp(int(found["expires_on"]), UTC)
        return {"token": str(found["accessToken"]), "expirationTimestamp": f"{until:%Y-%m-%dT%H:%M:%SZ}"}


CLOUDS: Mapping[str, type[Cloud]] = {"eks": Eks, "gke": Gke, "aks": Aks}

"""Settings: where things live and which parts to use; read from the environment (``AIYAM_*``) once, then passed on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

REPO_ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """All settings of one process. Every field can be set by an environment variable ``AIYAM_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="AIYAM_", frozen=True, extra="ignore")

    home: Path = Field(default=Path(".aiyam"), description="What a user makes: store, logs, exports, metrics.")
    models_dir: Path = Field(default=REPO_ROOT / "models", description="Trained versions and shipped configurations.")
    datasets_dir: Path = Field(default=REPO_ROOT / "datasets", description="Data that ships with the project.")
    database_url: str = Field(default="", description="SQLAlchemy URL; empty means SQLite in the home folder.")
    language: Literal["ko", "en"] = Field(default="ko", description="Language of screens and command line messages.")
    seed: int = Field(default=20260302, description="Seed of the synthetic city and of trainings.")
    n_threads: int = Field(default=1, ge=1, description="Threads for numeric libraries while serving.")
    host: str = Field(default="127.0.0.1", description="Address the servers bind to.")
    api_port: int = Field(default=8000, ge=0, le=65535, description="Port of the API and the chat.")
    dashboard_port: int = Field(default=8501, ge=0, le=65535, description="Port of the dashboard.")
    requests_per_minute: int = Field(default=0, ge=0, description="Limit for one user on POST /chat; 0 is off.")
    exploration: float = Field(
        default=0.1, ge=0, le=1, description="Temperature by which shown lists are drawn among good shops; 0 is off."
    )
    nlu: Literal["trained", "language_model"] = Field(
        default="trained",
        description="What understands: the trained model, or a language model with it to fall back on.",
    )
    llm_url: str = Field(
        default="", description="OpenAI-compatible server with its version, like http://127.0.0.1:8001/v1."
    )
    llm_model: str = Field(
        default="", description="The server's name of the model; without a server, a folder or hub name."
    )
    llm_key: SecretStr = Field(default=SecretStr(""), description="Sent to the server as a bearer token.")
    llm_timeout_s: float = Field(default=5.0, gt=0, description="Seconds a language model may take for one utterance.")
    llm_four_bit: bool = Field(default=False, description="Load a local language model in 4 bits (CUDA, bitsandbytes).")
    nlg: Literal["template", "transformers", "openai"] = Field(
        default="template",
        description="What words replies: templates, or a language model (in this process, or a server) checked by them.",
    )
    nlg_adapter: str = Field(
        default="",
        description="LoRA adapter of a local language model: a version, `production`, or empty for the base alone.",
    )
    nlg_timeout_s: float = Field(
        default=12.0, gt=0, description="Seconds a language model may take for one reply, a quarter of it to begin."
    )

    keep_turns_days: int = Field(
        default=365, ge=0, description="Days a turn is kept that stands in no dataset version; 0 keeps it for good."
    )
    keep_labelled_days: int = Field(
        default=1095, ge=0, description="Days a turn is kept that stands in a dataset version; 0 keeps it for good."
    )
    label_studio_url: str = Field(default="http://127.0.0.1:8081", description="Address of Label Studio.")
    label_studio_token: SecretStr = Field(
        default=SecretStr(""), description="Its access token; empty means the one `make label-studio` made."
    )

    @property
    def url(self) -> str:
        """The store's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{(self.home / 'aiyam.db').resolve()}"

    @property
    def truth_path(self) -> Path:
        """Ground truth of the synthetic city; read by evaluation only."""
        return self.home / "truth.npz"

"""Where the lab keeps its files: everything it makes lives under the project's `.lab/` folder."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
EMULATOR = ROOT / "emulator"
ENGINE_PROFILES = EMULATOR / "profiles"
LAB = ROOT / ".lab"
ENVIRONMENTS = LAB / "env"
ENGINES = LAB / "engine"
CLOUD_ASSEMBLIES = LAB / "cdk.local"
AWS_ASSEMBLY = LAB / "cdk.aws"
REPORTS = LAB / "reports"
PROGRESS = LAB / "progress"
"""What a person has done (lab/common/progress.py). Nothing removes it but its owner."""

ENGINE_PYTHON = ENVIRONMENTS / "engine" / "bin" / "python"
LAMBDA_RUNTIME = ENVIRONMENTS / "runtime"

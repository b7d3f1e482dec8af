"""Write the rules of alerts.yml as the Prometheus operator has them: python -m deploy.rules."""

from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
SOURCE: Final = HERE / "alerts.yml"
WRITTEN: Final = HERE / "k8s/components/monitoring/prometheusrule.yaml"
HEAD: Final = """\
# Written from deploy/alerts.yml, where to change it, by: python -m deploy.rules
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: vau
spec:
"""


def text() -> str:
    """Return the rules as an object of Kubernetes: the same lines, one level further in."""
    _, _, groups = SOURCE.read_text(encoding="utf-8").partition("\ngroups:\n")
    lines = f"groups:\n{groups}".splitlines()
    return HEAD + "".join(f"  {line}".rstrip() + "\n" for line in lines)


if __name__ == "__main__":
    WRITTEN.write_text(text(), encoding="utf-8")

"""The README's journey, line by line, as a newcomer would paste it."""

import re
import subprocess
import sys
from pathlib import Path

from tests.street import open_street

ROOT = Path(__file__).parents[2]


def test_every_command_of_the_readmes_journey_does_what_it_says(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    script = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
    with open_street(tmp_path, f"sqlite:///{tmp_path}/gateway.db") as street:
        script = (
            script.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{street.ports[0]}")
            .replace("http://127.0.0.1:8100", street.layout.sandbox_url)
            .replace(".venv/bin/python", sys.executable)
            .replace(".venv/bin/gateway", str(Path(sys.executable).with_name("gateway")))
            .replace(".dev/gateway.env", str(street.layout.env_file))
        )
        command = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        assert '"status":"succeeded"' in done.stdout
        assert '"errorCode":"APPROVAL_REQUIRED"' in done.stdout
        assert "approves: Top up 500.00 HTG" in done.stdout
        assert len(street.charges) == 1

"""Take the pictures of the documentation anew: the report of the examples, in Chromium without a window.

    ./run demo && .venv/bin/python docs/take_pictures.py

Writes docs/assets/report.png and docs/assets/report_model.png. Look at them before you commit them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "target" / "scorehouse_report"
PICTURES = {
    "report": ("index.html", 1280, 980),
    "report_model": ("models/flight_delay.html", 1280, 1100),
}


def main() -> int:
    """Take each picture; 1 without Chromium or a report."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None or not REPORT.exists():
        print(f"take_pictures: needs Chromium, and {REPORT}, which ./run demo writes", file=sys.stderr)
        return 1
    for name, (page, width, height) in PICTURES.items():
        file = ROOT / "docs" / "assets" / f"{name}.png"
        given = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={width},{height}"]
        page = (REPORT / page).as_uri()
        subprocess.run([chromium, *given, f"--screenshot={file}", page], check=True, capture_output=True)
        print(f"written: {file.relative_to(ROOT)} ({file.stat().st_size / 1000:.0f} kB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())

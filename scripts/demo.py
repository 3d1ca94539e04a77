"""Daily statistics of the sample logs: sets up what is needed, runs the job, says what to try next.

python3 scripts/demo.py
"""

import shutil
import subprocess
import sys
from pathlib import Path

if sys.version_info < (3, 11):
    sys.exit("Needs Python 3.11 or newer, this is %d.%d. Try: python3.11 scripts/demo.py" % sys.version_info[:2])

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts.environment import ROOT, Environment, clean_environ, guarded, prepare

ROWS = 12
JOB = ("-m", "jobs.daily_stats", "sample_data/")
NEXT = (
    ("-m jobs", "the jobs there are"),
    ("-m jobs.daily_stats sample_data/ --dry-run", "the plan: what would be read, and how"),
    ("-m jobs.daily_stats sample_data/ --quantiles 0.5,0.95 | head -3", "CSV for other programs"),
    ("-m jobs.extract sample_data/ | head -3", "the readings themselves"),
    ("-m jobs.daily_stats --help", "filters, quantiles, S3, publishing"),
)


def main() -> int:
    print("Sensor jobs: daily statistics of sample_data/\n")
    environment = prepare()
    status = show(environment)
    if status:
        return status
    python = f"{environment.folder.relative_to(ROOT)}/bin/python"
    print("\nTry next, with your own files, directories or s3://bucket/prefix in place of sample_data/:\n")
    width = max(len(command) for command, _ in NEXT)
    for command, meaning in NEXT:
        print(f"  {python} {command:<{width}}   # {meaning}")
    print(f"  {'python3 scripts/test.py --quick':<{width + len(python) + 1}}   # the tests")
    return 0


def show(environment: Environment) -> int:
    """Run the job, show the first rows of its table and its summary, and return its exit status."""
    command = [str(environment.python), *JOB, "--output-format", "table"]
    print(f"\n$ {environment.folder.relative_to(ROOT)}/bin/python {' '.join(JOB)}", flush=True)
    done = subprocess.run(command, cwd=ROOT, env=clean_environ(), capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines[:ROWS]:
        print(line if width is None or len(line) <= width else line[: width - 1] + "…")
    if len(lines) > ROWS:
        print(f"… {len(lines) - ROWS:,} more rows")
    if done.stderr:
        print("\n" + done.stderr.rstrip())
    return done.returncode


if __name__ == "__main__":
    guarded(main)

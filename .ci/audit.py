#!/usr/bin/env python3
"""Judge pip-audit's answer: a finding fails, silence is said aloud and never taken for good news."""

import json
import os
import sys


def main() -> int:
    """
    Read pip-audit's JSON from standard input.

    A registry that knows no advisories makes pip-audit skip a package and still exit 0,
    so the skipped ones are counted here.
    """
    text = sys.stdin.read()
    packages = json.loads(text)["dependencies"] if text.strip() else []
    asked = [package for package in packages if "skip_reason" not in package]
    findings = [(package, found) for package in asked for found in package["vulns"]]
    for package, found in findings:
        fixed = ", ".join(found["fix_versions"]) or "no version yet"
        sys.stdout.write(f"audit: {package['name']} {package['version']}: {found['id']}, fixed in {fixed}\n")
    sys.stdout.write(f"audit: {len(findings)} findings in {len(asked)} packages\n")
    silent = len(asked) < len(packages) or not packages
    if silent:
        sys.stdout.write(
            f"audit: NOT TOLD about {len(packages) - len(asked) or 'any'} of the packages: ask elsewhere\n"
        )
    return int(bool(findings) or (silent and os.environ.get("AUDIT_REQUIRED") == "1"))


if __name__ == "__main__":
    sys.exit(main())

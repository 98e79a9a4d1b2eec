# What the scripts share. Sourced, not run.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

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

//! Talking to the person at the terminal: answers on standard output, everything else on standard
//! error, both without a panic when nobody listens any more.

use std::io::{IsTerminal as _, Write as _, stderr, stdin, stdout};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Prints an answer.
pub(crate) fn say(text: impl std::fmt::Display) {
    let _nobody_listens = writeln!(stdout(), "{text}");
}

/// Prints something about the work.
pub(crate) fn tell(text: impl std::fmt::Display) {
    let _nobody_listens = writeln!(stderr(), "{text}");
}

/// Whether somebody is there to be asked.
pub(crate) fn can_ask() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

/// Asks, and waits for the answer. Whatever is not a yes is a no.
pub(crate) fn ask(question: impl std::fmt::Display) -> bool {
    let mut answer = String::new();
    let asked = write!(stderr(), "{question} [y/N] ").and_then(|()| stderr().flush());
    asked.is_ok() && stdin().read_line(&mut answer).is_ok() && is_yes(&answer)
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Lets a bar turn in place of filling, until it is finished.
pub(crate) fn spin(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
}

/// A progress bar; nothing is drawn where there is no terminal.
pub(crate) fn progress(total: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// 92331 as 92,331.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with decimals, the same way: `1,101,258.36`.
pub(crate) fn thousands_of(number: &str) -> String {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), thousands);
    let dot = if decimals.is_empty() { "" } else { "." };
    format!("{sign}{whole}{dot}{decimals}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(["y", "Y\n", " yes \n"].into_iter().all(super::is_yes));
        assert!(!["", "\n", "n", "yess", "j"].into_iter().any(super::is_yes));
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, wanted) in [(0, "0"), (999, "999"), (1_000, "1,000"), (92_331, "92,331"), (1_234_567, "1,234,567")]
        {
            assert_eq!(super::thousands(number), wanted);
        }
        for (number, wanted) in [("1101258.36", "1,101,258.36"), ("-1234", "-1,234"), ("0.5", "0.5")] {
            assert_eq!(super::thousands_of(number), wanted);
        }
    }
}

//! The kinds of problem of accounts, and which operation can answer with which.

use entrepot_web::{ProblemKind, kinds};

macro_rules! kind {
    ($name:ident, $status:literal, $code:literal, $title:literal, $meaning:literal) => {
        pub(super) const $name: ProblemKind =
            ProblemKind { code: $code, status: $status, title: $title, meaning: $meaning };
    };
}

kind!(
    WRONG_CREDENTIALS,
    401,
    "accounts.wrong_credentials",
    "The e-mail address or the password is wrong",
    "Which of the two it is, is not told, and neither whether there is such an account."
);
kind!(
    UNVERIFIED,
    403,
    "accounts.email_not_verified",
    "The e-mail address is not verified",
    "Use the link that was mailed first."
);
kind!(
    TOO_MANY_ATTEMPTS,
    429,
    "accounts.too_many_attempts",
    "There were too many attempts to sign in",
    "`Retry-After` tells when the next makes sense. Who tries earlier waits longer each time."
);
kind!(
    BUSY,
    503,
    "accounts.busy",
    "Too many passwords are being checked",
    "Checking one is made to be expensive, so only so many are checked at once. `Retry-After` tells when to try again."
);
kind!(
    INVALID_REFRESH_TOKEN,
    401,
    "accounts.invalid_refresh_token",
    "The refresh token is not valid",
    "It is unknown, its session has ended, or it was used before. In the last case its session was ended too. Sign in again."
);
kind!(
    INVALID_MAIL_TOKEN,
    422,
    "accounts.invalid_token",
    "The token is not valid",
    "It is unknown, too old, or was used before. Ask for a new one."
);
kind!(
    WRONG_PASSWORD,
    422,
    "accounts.wrong_password",
    "The current password is wrong",
    "Changing a password needs the one that there is."
);
kind!(
    USER_NOT_FOUND,
    404,
    "accounts.user_not_found",
    "There is no such account",
    "No account has this id, or it was deleted."
);
kind!(
    EMAIL_TAKEN,
    409,
    "accounts.email_taken",
    "Another account has this e-mail address",
    "An address names one account."
);
kind!(
    BEYOND_REACH,
    403,
    "accounts.beyond_own_stores",
    "Nobody gives more than they have",
    "Whoever is restricted to stores makes and changes accounts that are restricted to some of these, and no others."
);
kind!(LAST_ADMIN, 409, "accounts.last_admin", "Nobody else is an admin", "Somebody must be. Make another admin first.");
kind!(
    SESSION_NOT_FOUND,
    404,
    "accounts.session_not_found",
    "There is no such session",
    "You have no session with this id, or it has ended."
);
kind!(KEY_NOT_FOUND, 404, "accounts.key_not_found", "There is no such API key", "You have no key with this id.");
kind!(
    TOO_MANY_KEYS,
    409,
    "accounts.too_many_keys",
    "There are too many API keys",
    "A person may have 100. Delete those that are not used."
);
kind!(
    BEYOND_OWNER,
    422,
    "accounts.scope_beyond_owner",
    "A key may not do more than its owner",
    "The owner's role has no permission for an action that the key names."
);
kind!(
    BLOCK_NOT_FOUND,
    404,
    "accounts.block_not_found",
    "There is no such block in force",
    "No block has this id, or it has ended or was lifted."
);

const PAGED: &[&ProblemKind] = &[&kinds::INVALID_CURSOR, &kinds::FOREIGN_CURSOR];

/// All of them that an operation can answer with, beyond those that any operation can.
pub(super) const BY_OPERATION: &[(&str, &[&ProblemKind])] = &[
    ("register_customer", &[&BUSY]),
    ("sign_in", &[&WRONG_CREDENTIALS, &UNVERIFIED, &TOO_MANY_ATTEMPTS, &BUSY]),
    ("refresh_tokens", &[&INVALID_REFRESH_TOKEN]),
    ("sign_out", &[]),
    ("verify_email", &[&INVALID_MAIL_TOKEN]),
    ("ask_for_verification", &[]),
    ("ask_for_password_reset", &[]),
    ("reset_password", &[&INVALID_MAIL_TOKEN, &BUSY]),
    ("get_me", &[&USER_NOT_FOUND]),
    ("update_me", &[&USER_NOT_FOUND, &EMAIL_TAKEN, &WRONG_PASSWORD, &BUSY, &TOO_MANY_ATTEMPTS]),
    ("change_password", &[&WRONG_PASSWORD, &BUSY, &TOO_MANY_ATTEMPTS]),
    ("list_my_sessions", &[]),
    ("end_my_other_sessions", &[]),
    ("end_my_session", &[&SESSION_NOT_FOUND]),
    ("list_users", PAGED),
    ("create_user", &[&EMAIL_TAKEN, &BEYOND_REACH, &BUSY]),
    ("get_user", &[&USER_NOT_FOUND]),
    ("update_user", &[&USER_NOT_FOUND, &EMAIL_TAKEN, &BEYOND_REACH, &LAST_ADMIN]),
    ("delete_user", &[&USER_NOT_FOUND, &LAST_ADMIN]),
    ("end_user_sessions", &[&USER_NOT_FOUND]),
    ("list_api_keys", PAGED),
    ("create_api_key", &[&TOO_MANY_KEYS, &BEYOND_OWNER, &USER_NOT_FOUND]),
    ("get_api_key", &[&KEY_NOT_FOUND]),
    ("update_api_key", &[&KEY_NOT_FOUND, &BEYOND_OWNER]),
    ("delete_api_key", &[&KEY_NOT_FOUND]),
    ("list_audit", PAGED),
    ("export_audit", &[]),
    ("list_blocks", PAGED),
    ("create_block", &[]),
    ("lift_block", &[&BLOCK_NOT_FOUND]),
    ("rotate_signing_key", &[]),
    ("list_public_keys", &[]),
];

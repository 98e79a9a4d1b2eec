//! The rule of an operation: what it demands of its callers, how it is counted, and how large its body may be.
//!
//! **Invariant:** an operation that is done also when there is no room for more work takes a small body
//! ([`Rule::essential`]).

/// What an operation demands of who asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// A permission for this action, such as `products.write`.
    Needs(&'static str),
}

/// How an operation is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// As so many requests.
    As(u32),
    /// As an attempt to prove who one is.
    SignIn,
    /// Not at all.
    Never,
}

/// The rules of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(crate) access: Access,
    pub(crate) counted: Counted,
    pub(crate) is_secret: bool,
    pub(crate) is_essential: bool,
    pub(crate) is_in_person: bool,
    pub(crate) is_quiet: bool,
    pub(crate) is_file: bool,
    pub(crate) is_lasting: bool,
    pub(crate) takes_token: bool,
    pub(crate) passes_blocks: bool,
    pub(crate) noted: Option<&'static str>,
    pub(crate) more_for: Option<&'static str>,
    pub(crate) body_bytes: usize,
}

/// The largest body of an operation that says nothing else.
const USUAL_BODY: usize = 1024 * 1024;
/// The largest body of an operation that takes credentials and the like.
const SMALL_BODY: usize = 16 * 1024;

impl Rule {
    /// For anybody.
    #[must_use]
    pub const fn public() -> Self {
        Self {
            access: Access::Public,
            counted: Counted::As(1),
            is_secret: false,
            is_essential: false,
            is_in_person: false,
            is_quiet: false,
            is_file: false,
            is_lasting: false,
            takes_token: false,
            passes_blocks: false,
            noted: None,
            more_for: None,
            body_bytes: USUAL_BODY,
        }
    }

    /// For those who have the permission for this action.
    #[must_use]
    pub const fn needs(action: &'static str) -> Self {
        Self { access: Access::Needs(action), ..Self::public() }
    }

    /// Shows more to those who have the permission for this action ([`crate::Permit::more`]): where everybody gets a
    /// problem they are answered again, as themselves.
    #[must_use]
    pub const fn more_for(mut self, action: &'static str) -> Self {
        self.more_for = Some(action);
        self
    }

    /// Costs as much as so many requests.
    #[must_use]
    pub const fn costs(mut self, requests: u32) -> Self {
        self.counted = Counted::As(requests);
        self
    }

    /// Is an attempt to prove who one is: only few are allowed, and small ones.
    #[must_use]
    pub const fn sign_in(mut self) -> Self {
        self.counted = Counted::SignIn;
        self.small()
    }

    /// Is never counted and never refused for want of room.
    #[must_use]
    pub const fn free(mut self) -> Self {
        self.counted = Counted::Never;
        self.essential()
    }

    /// Is done also when the server is full: what a person needs to put things right. Its body is small, as nobody
    /// waits for room before it is read.
    #[must_use]
    pub const fn essential(mut self) -> Self {
        self.is_essential = true;
        self.small()
    }

    /// Takes credentials as the parameter `token` too: for what browsers open without being able to set fields.
    #[must_use]
    pub const fn takes_token(mut self) -> Self {
        self.takes_token = true;
        self
    }

    /// Is done for blocked networks too: its body carries credentials of its own.
    #[must_use]
    pub const fn passes_blocks(mut self) -> Self {
        self.passes_blocks = true;
        self
    }

    /// Leaves an event of this name behind when it was done, though it writes nothing: it shows so much, or such secret
    /// things, that it must be seen later who was shown them.
    #[must_use]
    pub const fn noted(mut self, event: &'static str) -> Self {
        self.noted = Some(event);
        self
    }

    /// Takes a body of 16 KiB at the most: enough for credentials.
    #[must_use]
    pub const fn small(mut self) -> Self {
        self.body_bytes = SMALL_BODY;
        self
    }

    /// Takes a body of so many bytes at the most.
    #[must_use]
    pub const fn takes(mut self, bytes: usize) -> Self {
        self.body_bytes = bytes;
        self
    }

    /// Takes as large a body as the server does at all: many rows, or a file.
    #[must_use]
    pub const fn large(mut self) -> Self {
        self.body_bytes = usize::MAX;
        self
    }

    /// Answers with something that is told once, so the answer is never stored.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// Is done by a person who has signed in, not by an API key: else a stolen key could make itself at
    /// home.
    #[must_use]
    pub const fn in_person(mut self) -> Self {
        self.is_in_person = true;
        self
    }

    /// Does not tell whether it has written anything: its answers name no position.
    #[must_use]
    pub const fn quiet(mut self) -> Self {
        self.is_quiet = true;
        self
    }

    /// Answers with a file of a media type of its own.
    #[must_use]
    pub const fn file(mut self) -> Self {
        self.is_file = true;
        self
    }

    /// Takes or gives any amount, piece by piece, for as long as the client keeps up: neither its body nor
    /// its time is bounded as a whole. The same key cannot be sent with it twice, as nothing of that length
    /// is stored.
    #[must_use]
    pub const fn lasting(mut self) -> Self {
        self.is_lasting = true;
        self.is_file = true;
        self
    }

    /// The largest body that it takes, of at most so many bytes that the server takes.
    #[must_use]
    pub const fn body_limit(&self, server_bytes: usize) -> usize {
        if self.body_bytes < server_bytes { self.body_bytes } else { server_bytes }
    }

    /// What it demands.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }
}

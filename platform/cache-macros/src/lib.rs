//! The attributes of `entrepot-cache`: `#[cacheable]` and `#[cache_invalidate]`. They are used
//! through that crate, which exports them beside the traits that their expansions call.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `cacheable.rs`, `invalidate.rs` | one attribute each: what it asks of the function, what it becomes |
//! | `arguments.rs` | what stands in the brackets of an attribute |
//! | `duration.rs`, `template.rs` | texts in there: `1h30m`, `user:{id}` |
//! | `function.rs` | the function below the attribute: its arguments, and what both attributes ask of it |
//! | `receiver.rs` | `self` in a body that runs away from its method |
//! | `wording.rs` | faults, gathered; lists and guesses for their sentences |
//!
//! **Invariants:**
//! - The signature, the visibility, the attributes and the documentation stay as they were written.
//! - Names of an expansion cannot meet the user's: they are resolved at the macro (mixed site), and
//!   items are named from the root (`::entrepot_cache`, `::std`, `::core`).
//! - A fault is told where it stands, with what to write instead. Beside it the function is left as
//!   it was, so that its callers do not fail as well.

mod arguments;
mod cacheable;
mod duration;
mod function;
mod invalidate;
mod receiver;
mod template;
#[cfg(test)]
mod testing;
mod wording;

use proc_macro::TokenStream;

/// Caches what an async function returns: it asks [`cached_query`] with its body as the query.
///
/// ```ignore
/// use entrepot_cache::{Queries, cacheable};
///
/// #[derive(Clone)]
/// struct Users {
///     queries: Queries,
///     database: Database,
/// }
///
/// impl Users {
///     /// One user.
///     #[cacheable(ttl = "5m", key = "user:{id}", tags("user:{id}", "users"))]
///     async fn find(&self, id: Uuid) -> Result<Option<User>, UserError> {
///         self.database.user(id).await
///     }
/// }
///
/// #[cacheable(ttl = "1h30m", key = "report:{year}:{kind:?}", tags("orders"), ignore(trace))]
/// async fn report(queries: &Queries, year: i16, kind: &str, trace: TraceId) -> Result<Report, ReportError> {
///     Report::of(year, kind, trace).await
/// }
/// ```
///
/// A whole program, which is compiled and run, stands at `FromFill` in `entrepot-cache`.
///
/// # Its arguments
///
/// | argument | what it says |
/// | --- | --- |
/// | `ttl = "5m"` | how long the answer lives: `250ms`, `30s`, `5m`, `2h`, `1d`, and sums such as `1h30m`. Required. |
/// | `key = "user:{id}"` | what sets this answer apart. Required. |
/// | `tags("user:{id}", "users")` | what the answer is made from: a change of any of these rules it out. |
/// | `ignore(trace, …)` | arguments that do not change the answer and so are not in the key. |
/// | `cache = <expression>` | the [`Queries`] to ask, or a reference to them. |
///
/// Without `cache` it is `self.queries` in a method, and the argument `queries: &Queries` elsewhere.
///
/// Keys and tags are texts as `format!` takes them. What stands in their braces is the name of an
/// argument, with a format after a colon if need be: `{id}`, `{kind:?}`, `{day:02}`. Fields and
/// calls are not taken; give the function what it needs as an argument.
///
/// # What the key must say
///
/// One key is one answer. So **every argument is in the key**, or listed in `ignore`; one that is in
/// neither does not compile. The same holds for constants (`const N: usize`) and for types that no
/// argument's type names. What the compiler cannot see is yours:
///
/// - Begin the key with a word that no other function uses. All functions that share one `Queries`
///   share its keys.
/// - Two texts side by side can run together: `{a}:{b}` is `x:y:z` for `("x", "y:z")` and for
///   `("x:y", "z")`. Write `{a:?}:{b:?}`, which quotes them.
/// - `self` is in no key. If two values of its type can answer differently, what sets them apart
///   must be an argument.
///
/// # What the function must be
///
/// - An `async fn` that returns `Result<T, E>` (or an alias whose name ends so). `T` can be written
///   as JSON and read back; `E` is `FromFill + Send + Sync + 'static`. [`FromFill`] says how `E` tells
///   that an answer could not be had; an error of the body itself arrives there too, as it may be
///   shared by many callers. Errors are not cached.
/// - A body that stands alone: it runs as a task, which goes on when its caller gives up. So it works
///   on a clone of `self`, if it uses it; takes `&T` as the argument's owned form (`ToOwned`), lent
///   to it again; and takes every other argument by value. All of them must be `Send + 'static`.
/// - No lifetimes of its own, and no reference inside an argument's type: `Option<String>`, not
///   `Option<&str>`.
///
/// [`cached_query`]: ../entrepot_cache/fn.cached_query.html
/// [`Queries`]: ../entrepot_cache/struct.Queries.html
/// [`FromFill`]: ../entrepot_cache/trait.FromFill.html
#[proc_macro_attribute]
pub fn cacheable(arguments: TokenStream, function: TokenStream) -> TokenStream {
    let function = function.into();
    cacheable::expand(arguments.into(), &function).unwrap_or_else(|fault| wording::beside(fault, function)).into()
}

/// Tells the caches what was changed, when an async function has returned `Ok`.
///
/// ```ignore
/// use entrepot_cache::{Cache, cache_invalidate};
///
/// struct Users {
///     cache: Cache,
///     database: Database,
/// }
///
/// impl Users {
///     /// Another name.
///     #[cache_invalidate(tags("user:{id}"), keys("queries:user:{id}"), patterns("avatars:{id}:*"))]
///     async fn rename(&self, id: Uuid, name: String) -> Result<User, UserError> {
///         self.database.rename(id, name).await
///     }
/// }
/// ```
///
/// A whole program, which is compiled and run, stands at `Invalidate` in `entrepot-cache`.
///
/// # Its arguments
///
/// | argument | what it rules out |
/// | --- | --- |
/// | `tags("user:{id}", "users")` | every value that carries such a tag |
/// | `keys("users:{id}")` | the value with this key, `<namespace>:<key>` |
/// | `patterns("users:{id}:*")` | every value whose `<namespace>:<key>` matches |
/// | `via = <expression>` | nothing: it is what is told, anything that is [`Invalidate`] |
///
/// At least one of the first three is required. What `#[cacheable]` keeps is in the namespace
/// `queries`. In a pattern `*` stands for any text and `?` for one character. Without `via` it is
/// `self.cache` in a method, and the argument `cache` elsewhere.
///
/// The texts are those of `format!`, with arguments' names in their braces, and are made before the
/// body runs, which may use the arguments up.
///
/// # What it does
///
/// - The body runs as it would without the attribute, `self` and borrowed arguments included.
/// - If it returned `Ok`, [`Invalidate::invalidate`] is told and waited for. If that fails, so does
///   the function, by `From<InvalidateError>`: what the body did stays done.
/// - If it returned `Err`, nothing is touched.
///
/// `via` is looked at after the body, so the body must not have used it up.
///
/// [`Invalidate`]: ../entrepot_cache/trait.Invalidate.html
/// [`Invalidate::invalidate`]: ../entrepot_cache/trait.Invalidate.html#tymethod.invalidate
#[proc_macro_attribute]
pub fn cache_invalidate(arguments: TokenStream, function: TokenStream) -> TokenStream {
    let function = function.into();
    invalidate::expand(arguments.into(), &function).unwrap_or_else(|fault| wording::beside(fault, function)).into()
}

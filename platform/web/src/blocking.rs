//! Work that would keep a thread busy on which others' requests are answered.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does work of some milliseconds here, and has the runtime answer others meanwhile: what waits on this thread goes on
/// on another. On a runtime of one thread, which only tests have, it is simply done.
pub fn off_async_threads<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_go_on_meanwhile() {
        let (said, heard) = std::sync::mpsc::channel();
        #[expect(clippy::disallowed_methods, reason = "what is tested is another task")]
        let work = tokio::spawn(async move {
            // The one thread would wait for ever for a task that only it could run.
            off_async_threads(|| heard.recv().expect("it is said"))
        });
        #[expect(clippy::disallowed_methods, reason = "what is tested is another task")]
        let other = tokio::spawn(async move { said.send(7).expect("somebody listens") });
        assert_eq!(work.await.expect("done"), 7);
        other.await.expect("done");
    }

    #[tokio::test]
    async fn on_one_thread_it_is_done_all_the_same() {
        assert_eq!(off_async_threads(|| 7), 7);
    }
}

//! Group commit: concurrent requests share one round trip. Requests that arrive while a group is worked on form the
//! next one; a lone request does not wait. Databases do the same with their log. Crates that batch wait for a time or a
//! count instead.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};

/// Takes single items and hands them to the work function in groups.
#[derive(Debug)]
pub struct GroupCommit<T, R> {
    sender: mpsc::Sender<Waiting<T, R>>,
}

impl<T, R> Clone for GroupCommit<T, R> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone() }
    }
}

#[derive(Debug)]
struct Waiting<T, R> {
    item: T,
    answer: oneshot::Sender<R>,
}

/// How large groups get and how many are worked on at once.
#[derive(Clone, Copy, Debug)]
pub struct GroupLimits {
    /// The most items in one group.
    pub size: usize,
    /// Groups under way at once.
    pub concurrency: usize,
}

/// The work on the item's group ended without an answer for it: it panicked, or the process is stopping.
#[derive(Debug, thiserror::Error)]
#[error("the work was given up")]
pub struct GivenUp;

impl<T: Send + 'static, R: Send + 'static> GroupCommit<T, R> {
    /// Starts the grouping task; it ends when all handles are dropped. `work` answers in the order of its items.
    pub fn start<Work, Answers>(limits: GroupLimits, work: Work) -> Self
    where
        Work: Fn(Vec<T>) -> Answers + Send + Sync + 'static,
        Answers: Future<Output = Vec<R>> + Send + 'static,
    {
        let (sender, mut receiver) = mpsc::channel::<Waiting<T, R>>(limits.size.saturating_mul(16).max(1));
        let work = Arc::new(work);
        let free = Arc::new(Semaphore::new(limits.concurrency));
        tokio::spawn(async move {
            loop {
                // Waiting for a free place first is what lets the group grow meanwhile.
                let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
                let mut group = Vec::new();
                if receiver.recv_many(&mut group, limits.size).await == 0 {
                    return;
                }
                // What nobody waits for any longer was answered already: its caller may send it again.
                group.retain(|waiting| !waiting.answer.is_closed());
                let work = Arc::clone(&work);
                tokio::spawn(async move {
                    let (items, waiting): (Vec<T>, Vec<_>) =
                        group.into_iter().map(|waiting| (waiting.item, waiting.answer)).unzip();
                    for (answer, result) in waiting.into_iter().zip(work(items).await) {
                        // The caller may have gone; the work is done all the same.
                        let _gone = answer.send(result);
                    }
                    drop(permit);
                });
            }
        });
        Self { sender }
    }

    /// Adds an item to the next group and waits for its answer.
    ///
    /// # Errors
    /// [`GivenUp`] when no answer will come; the work may have been done.
    pub async fn submit(&self, item: T) -> Result<R, GivenUp> {
        let (answer, result) = oneshot::channel();
        self.sender.send(Waiting { item, answer }).await.map_err(|_| GivenUp)?;
        result.await.map_err(|_| GivenUp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_caller_gets_its_own_answer_and_groups_form() {
        let (sizes, mut seen) = mpsc::unbounded_channel();
        let group = GroupCommit::start(GroupLimits { size: 8, concurrency: 1 }, move |items: Vec<u32>| {
            let sizes = sizes.clone();
            async move {
                let _closed = sizes.send(items.len());
                tokio::task::yield_now().await;
                items.into_iter().map(|item| item * 10).collect()
            }
        });
        let answers = futures::future::join_all((0..100).map(|item| group.submit(item))).await;
        for (item, answer) in (0_u32..).zip(answers) {
            assert_eq!(answer.ok(), Some(item * 10));
        }
        drop(group);
        let mut counted = Vec::new();
        while let Some(size) = seen.recv().await {
            counted.push(size);
        }
        assert_eq!(counted.iter().sum::<usize>(), 100);
        assert!(counted.iter().all(|size| *size <= 8) && counted.len() < 50, "{counted:?}");
    }

    #[tokio::test]
    async fn what_was_given_up_before_its_group_formed_is_not_done() {
        let (done, mut seen) = mpsc::unbounded_channel();
        let (free, held) = (Arc::new(Semaphore::new(0)), mpsc::unbounded_channel::<()>());
        let (started, mut starts) = held;
        let gate = Arc::clone(&free);
        let group = GroupCommit::start(GroupLimits { size: 8, concurrency: 1 }, move |items: Vec<u32>| {
            let (gate, done, started) = (Arc::clone(&gate), done.clone(), started.clone());
            async move {
                let _first = started.send(());
                let _free = gate.acquire().await;
                let _closed = done.send(items.clone());
                items
            }
        });
        let first = tokio::spawn({
            let group = group.clone();
            async move { group.submit(1).await.ok() }
        });
        starts.recv().await;
        let given_up = tokio::spawn({
            let group = group.clone();
            async move { group.submit(2).await.ok() }
        });
        let kept = group.submit(3);
        let mut kept = std::pin::pin!(kept);
        assert!(futures::poll!(&mut kept).is_pending());
        tokio::task::yield_now().await;
        given_up.abort();
        assert!(given_up.await.is_err());
        free.add_permits(8);
        assert_eq!((first.await.unwrap(), kept.await.ok()), (Some(1), Some(3)));
        assert_eq!((seen.recv().await, seen.recv().await), (Some(vec![1]), Some(vec![3])));
    }

    #[tokio::test]
    async fn a_panic_gives_up_its_group_only() {
        let group =
            GroupCommit::start(GroupLimits { size: 1, concurrency: 2 }, |items: Vec<u32>| async move {
                assert_ne!(items, [13]);
                items
            });
        assert!(group.submit(13).await.is_err());
        assert_eq!(group.submit(7).await.ok(), Some(7));
    }
}

//! Group commit: concurrent requests share one round trip. Requests that arrive while a group is worked on form the
//! next one; a lone request does not wait. Databases do the same with their log. Crates that batch wait for a time or a
//! count instead.
//!
//! Groups may overlap. Items with the same key are never in two groups at once, so they are worked on in their order.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

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
    /// Groups under way at once. Beside others one begins only once it has as many items as they have on average: many
    /// small groups cost more than a few large ones, and those who wait for one group soon form the next.
    pub concurrency: usize,
    /// The fewest items of a group that begins beside others.
    pub beside: usize,
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
        Self::start_by(limits, |_| None::<()>, work)
    }

    /// As [`Self::start`], for items of which those with the same key must not be worked on at the same time.
    pub fn start_by<K, Key, Work, Answers>(limits: GroupLimits, key: Key, work: Work) -> Self
    where
        K: Clone + Eq + Hash + Send + 'static,
        Key: Fn(&T) -> Option<K> + Send + 'static,
        Work: Fn(Vec<T>) -> Answers + Send + Sync + 'static,
        Answers: Future<Output = Vec<R>> + Send + 'static,
    {
        let room = limits.size.saturating_mul(16).max(1);
        let (sender, mut receiver) = mpsc::channel::<Waiting<T, R>>(room);
        let work = Arc::new(work);
        let mut queue =
            Queue { key, ready: VecDeque::new(), behind: HashMap::new(), waiting: 0, under_way: 0 };
        tokio::spawn(async move {
            let mut groups = JoinSet::new();
            let mut arrived = Vec::new();
            let mut is_open = true;
            while is_open || queue.waiting > 0 || !groups.is_empty() {
                while groups.len() < limits.concurrency
                    && queue.has_a_group_beside(groups.len(), limits.beside)
                {
                    let (group, taken) = queue.take(limits.size);
                    let work = Arc::clone(&work);
                    groups.spawn(async move {
                        // A panic gives up the answers of its group; its keys become free all the same.
                        let _panic = AssertUnwindSafe(answer(group, &*work)).catch_unwind().await;
                        taken
                    });
                }
                tokio::select! {
                    count = receiver.recv_many(&mut arrived, limits.size),
                        if is_open && queue.waiting < room =>
                    {
                        is_open = count > 0;
                        arrived.drain(..).for_each(|waiting| queue.add(waiting));
                    }
                    // It neither panics nor is aborted.
                    Some(Ok(taken)) = groups.join_next() => queue.free(taken),
                }
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

/// What waits for a group, in the order of its arrival.
struct Queue<T, R, K, Key> {
    key: Key,
    /// What the next group may take.
    ready: VecDeque<Waiting<T, R>>,
    /// The keys of the groups that are under way, and what waits for their end.
    behind: HashMap<K, VecDeque<Waiting<T, R>>>,
    /// How many wait, in both.
    waiting: usize,
    /// How many are in groups.
    under_way: usize,
}

/// What a group has taken, which must be given back.
struct Taken<K> {
    items: usize,
    keys: HashSet<K>,
}

impl<T, R, K: Clone + Eq + Hash, Key: Fn(&T) -> Option<K>> Queue<T, R, K, Key> {
    fn add(&mut self, waiting: Waiting<T, R>) {
        self.waiting += 1;
        match (self.key)(&waiting.item).and_then(|key| self.behind.get_mut(&key)) {
            Some(behind) => behind.push_back(waiting),
            None => self.ready.push_back(waiting),
        }
    }

    /// Whether enough can be taken for another group beside so many.
    fn has_a_group_beside(&self, groups: usize, least: usize) -> bool {
        let least = if groups == 0 { 1 } else { least };
        self.ready.len() >= least && self.ready.len().saturating_mul(groups) >= self.under_way
    }

    /// Takes a group. No other has its keys until [`Self::free`].
    fn take(&mut self, size: usize) -> (Vec<Waiting<T, R>>, Taken<K>) {
        let group: Vec<_> = self.ready.drain(..size.min(self.ready.len())).collect();
        self.waiting -= group.len();
        self.under_way += group.len();
        let keys: HashSet<K> = group.iter().filter_map(|waiting| (self.key)(&waiting.item)).collect();
        self.behind.extend(keys.iter().map(|key| (key.clone(), VecDeque::new())));
        if !keys.is_empty() {
            let rest = std::mem::take(&mut self.ready);
            self.waiting -= rest.len();
            rest.into_iter().for_each(|waiting| self.add(waiting));
        }
        let items = group.len();
        (group, Taken { items, keys })
    }

    fn free(&mut self, taken: Taken<K>) {
        self.under_way -= taken.items;
        for key in taken.keys {
            self.ready.extend(self.behind.remove(&key).unwrap_or_default());
        }
    }
}

async fn answer<T, R, Answers: Future<Output = Vec<R>>>(
    mut group: Vec<Waiting<T, R>>,
    work: &impl Fn(Vec<T>) -> Answers,
) {
    // A caller who no longer waits got another answer, and may send the item again.
    group.retain(|waiting| !waiting.answer.is_closed());
    let (items, waiting): (Vec<T>, Vec<_>) =
        group.into_iter().map(|waiting| (waiting.item, waiting.answer)).unzip();
    for (answer, result) in waiting.into_iter().zip(work(items).await) {
        // The caller may have gone; the work is done all the same.
        let _gone = answer.send(result);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use tokio::sync::{Semaphore, SemaphorePermit};

    use super::*;

    #[tokio::test]
    async fn each_caller_gets_its_own_answer_and_groups_form() {
        let (sizes, mut seen) = mpsc::unbounded_channel();
        let group =
            GroupCommit::start(GroupLimits { size: 8, concurrency: 1, beside: 1 }, move |items: Vec<u32>| {
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
        let group =
            GroupCommit::start(GroupLimits { size: 8, concurrency: 1, beside: 1 }, move |items: Vec<u32>| {
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
        let group = GroupCommit::start(
            GroupLimits { size: 1, concurrency: 2, beside: 1 },
            |items: Vec<u32>| async move {
                assert_ne!(items, [13]);
                items
            },
        );
        assert!(group.submit(13).await.is_err());
        assert_eq!(group.submit(7).await.ok(), Some(7));
    }

    type Answer = Pin<Box<dyn Future<Output = Result<(), GivenUp>>>>;

    /// Groups whose work ends when the test lets it, and which report their items when they begin.
    struct Overlapping {
        group: GroupCommit<(u8, u8), ()>,
        submitted: Vec<Answer>,
        begun: mpsc::UnboundedReceiver<Vec<(u8, u8)>>,
        ends: Arc<Semaphore>,
    }

    impl Overlapping {
        fn start(limits: GroupLimits) -> Self {
            let (began, begun) = mpsc::unbounded_channel();
            let ends = Arc::new(Semaphore::new(0));
            let end = Arc::clone(&ends);
            let key = |item: &(u8, u8)| Some(item.0);
            let group = GroupCommit::start_by(limits, key, move |items: Vec<(u8, u8)>| {
                let (began, end) = (began.clone(), Arc::clone(&end));
                async move {
                    let answers = vec![(); items.len()];
                    let _closed = began.send(items);
                    let _ended = end.acquire().await.map(SemaphorePermit::forget);
                    answers
                }
            });
            Self { group, submitted: Vec::new(), begun, ends }
        }

        /// Adds an item, and returns once all that follows from it has happened.
        async fn submit(&mut self, item: (u8, u8)) {
            let group = self.group.clone();
            let mut answer: Answer = Box::pin(async move { group.submit(item).await });
            assert!(futures::poll!(&mut answer).is_pending());
            self.submitted.push(answer);
            settle().await;
        }

        async fn end(&self, groups: usize) {
            self.ends.add_permits(groups);
            settle().await;
        }

        fn begun(&mut self) -> Vec<Vec<(u8, u8)>> {
            std::iter::from_fn(|| self.begun.try_recv().ok()).collect()
        }
    }

    /// Lets every other task of this thread go as far as it can.
    async fn settle() {
        for _ in 0..32 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_key_is_never_in_two_groups_and_keeps_its_order() {
        let mut it = Overlapping::start(GroupLimits { size: 2, concurrency: 4, beside: 1 });
        for item in [(1, 1), (1, 2), (1, 3), (2, 1), (1, 4)] {
            it.submit(item).await;
        }
        assert_eq!(it.begun(), [[(1, 1)], [(2, 1)]]);
        it.end(1).await;
        assert_eq!(it.begun(), [[(1, 2), (1, 3)]]);
        it.end(2).await;
        assert_eq!(it.begun(), [[(1, 4)]]);
    }

    #[tokio::test]
    async fn what_does_not_fit_waits_behind_its_own_key_only() {
        let mut it = Overlapping::start(GroupLimits { size: 2, concurrency: 2, beside: 1 });
        for item in [(9, 1), (8, 1), (8, 2), (8, 3), (1, 1)] {
            it.submit(item).await;
        }
        assert_eq!(it.begun(), [[(9, 1)], [(8, 1)]]);
        it.end(1).await;
        assert_eq!(it.begun(), [[(1, 1)]], "what waits for the end of a group waits beside no other");
        it.end(1).await;
        assert_eq!(it.begun(), [[(8, 2), (8, 3)]]);
    }

    #[tokio::test]
    async fn a_group_begins_beside_others_once_it_is_large_enough() {
        let mut it = Overlapping::start(GroupLimits { size: 4, concurrency: 2, beside: 3 });
        for key in [1, 2, 3] {
            it.submit((key, 1)).await;
        }
        assert_eq!(it.begun(), [[(1, 1)]]);
        it.submit((4, 1)).await;
        assert_eq!(it.begun(), [[(2, 1), (3, 1), (4, 1)]]);
    }

    #[tokio::test]
    async fn a_group_begins_beside_others_once_it_has_as_many_as_they() {
        let mut it = Overlapping::start(GroupLimits { size: 4, concurrency: 3, beside: 1 });
        for item in [1, 2, 3, 4, 5, 6, 7, 8].map(|key| (key, 1)) {
            it.submit(item).await;
        }
        assert_eq!(it.begun(), [[(1, 1)], [(2, 1)], [(3, 1)]], "three groups at once are the most");
        it.end(1).await;
        assert_eq!(it.begun(), [[4, 5, 6, 7].map(|key| (key, 1))]);
        it.end(1).await;
        assert_eq!(it.begun(), [[(0, 0); 4]; 0], "one is not as many as one and four are on average");
        it.submit((9, 1)).await;
        it.submit((10, 1)).await;
        assert_eq!(it.begun(), [[8, 9, 10].map(|key| (key, 1))]);
    }
}

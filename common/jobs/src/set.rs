//! A closed set of jobs that one process handles.

use crate::UnreadableJob;

/// Any job of a closed set. [`job_set!`](crate::job_set) makes one.
pub trait JobSet: Clone + Send + Sync + 'static {
    /// Decodes a job from the wire.
    ///
    /// # Errors
    /// When the bytes are not a job of the set.
    fn read(bytes: &[u8]) -> Result<Self, UnreadableJob>;

    /// The stable name on the wire.
    fn kind(&self) -> &'static str;

    /// How many failed attempts make it a dead letter.
    fn attempts(&self) -> u32;
}

/// Makes an enum with one variant for each job, which implements [`JobSet`]. Two jobs of one kind do not compile.
#[macro_export]
macro_rules! job_set {
    ($(#[doc = $doc:literal])+ $set:ident { $($name:ident,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug)]
        pub enum $set {
            $($name($name),)+
        }

        impl $set {
            /// The stable names of all jobs.
            pub const KINDS: &[&str] = &[$(<$name as $crate::Job>::KIND,)+];
        }

        impl $crate::JobSet for $set {
            fn read(bytes: &[u8]) -> Result<Self, $crate::UnreadableJob> {
                let envelope = $crate::Envelope::read(bytes)?;
                match envelope.kind {
                    $(<$name as $crate::Job>::KIND => envelope.payload().map(Self::$name),)+
                    unknown => Err($crate::UnreadableJob::unknown(unknown)),
                }
            }

            fn kind(&self) -> &'static str {
                match self { $(Self::$name(_) => <$name as $crate::Job>::KIND,)+ }
            }

            fn attempts(&self) -> u32 {
                match self { $(Self::$name(_) => <$name as $crate::Job>::ATTEMPTS,)+ }
            }
        }

        $(impl From<$name> for $set {
            fn from(job: $name) -> Self {
                Self::$name(job)
            }
        })+

        impl From<&$set> for $crate::EncodedJob {
            fn from(job: &$set) -> Self {
                match job { $($set::$name(job) => job.into(),)+ }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{EncodedJob, Envelope, job};
    use kernel::traces::TraceParent;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Count {
        upto: u32,
    }
    job!(Count: "numbers.count" on Apply, 3 attempts);

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Rest {}
    job!(Rest: "rest" on Notify, 1 attempts);

    job_set! {
        /// Jobs of this test.
        Numbers { Count, Rest, }
    }

    #[test]
    fn a_job_survives_the_wire() {
        let sent = EncodedJob::from(&Count { upto: 7 });
        assert_eq!(sent.body, r#"{"kind":"numbers.count","payload":{"upto":7}}"#);
        let read = Numbers::read(sent.body.as_bytes());
        assert!(matches!(read, Ok(Numbers::Count(Count { upto: 7 }))), "{read:?}");
        assert_eq!(EncodedJob::from(&Numbers::from(Rest {})).body, r#"{"kind":"rest","payload":{}}"#);
    }

    /// The wire of other versions: those before traces write none, and read past what they do not know.
    #[test]
    fn a_trace_is_carried_beside_the_payload() {
        let cause = TraceParent::read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        let sent = EncodedJob::caused_by(&Count { upto: 7 }, std::slice::from_ref(&cause));
        let trace = r#","trace":["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]}"#;
        assert_eq!(sent.body, r#"{"kind":"numbers.count","payload":{"upto":7}"#.to_owned() + trace);
        assert!(matches!(Numbers::read(sent.body.as_bytes()), Ok(Numbers::Count(Count { upto: 7 }))));
        let carried = |text: &str| Envelope::read(text.as_bytes()).unwrap().trace;
        assert_eq!(carried(&sent.body), [cause]);
        assert_eq!(carried(r#"{"kind":"rest","payload":{}}"#), []);
    }

    #[test]
    fn unknown_kinds_and_broken_text_differ() {
        let read = |text: &str| Numbers::read(text.as_bytes()).map(|job| job.kind());
        assert!(
            matches!(read(r#"{"kind":"x","payload":{}}"#), Err(UnreadableJob::Kind(kind)) if kind == "x")
        );
        assert!(matches!(read(r#"{"kind":"two words","payload":{}}"#), Err(UnreadableJob::NoName)));
        assert!(matches!(read("{"), Err(UnreadableJob::Text(_))));
        assert!(matches!(read(r#"{"kind":"numbers.count","payload":{}}"#), Err(UnreadableJob::Text(_))));
    }
}

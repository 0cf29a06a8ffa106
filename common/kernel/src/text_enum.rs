//! Closed sets of names: an enum whose values have one spelling in the database, in JSON and in Rust.

#[macro_export]
macro_rules! text_enum {
    (
        $(#[doc = $doc:literal])*
        $name:ident { $($(#[doc = $variant_doc:literal])* $variant:ident => $text:literal,)+ }
    ) => {
        $(#[doc = $doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, sqlx::Type,
        )]
        #[sqlx(type_name = "text")]
        pub enum $name {
            $($(#[doc = $variant_doc])* #[serde(rename = $text)] #[sqlx(rename = $text)] $variant,)+
        }

        impl $name {
            /// All of them, as [`Self::as_str`] spells them.
            pub const NAMES: &'static [&'static str] = &[$($text,)+];

            /// As the database and the API spell it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

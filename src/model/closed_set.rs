//! The macro that declares the closed sets: label values and the keys of maps.

/// Declares an enum whose variants are label values.
///
/// Each variant is written once, with its label value. The macro adds `ALL`, the variants in the order of the
/// declaration, which is the order of series on `/metrics`; `as_label`; and [`enum_map::Enum`], so that whatever is
/// counted by the enum is an `EnumMap` with a value for every variant. The stored codes of an enum are in
/// `database/codes.rs`.
macro_rules! closed_set {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident {
            $($(#[$variant_attribute:meta])* $variant:ident = $label:literal,)+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, enum_map::Enum)]
        pub enum $name {
            $($(#[$variant_attribute])* $variant,)+
        }

        impl $name {
            /// All variants, in the order of their series on `/metrics`.
            pub const ALL: [Self; [$($label),+].len()] = [$(Self::$variant),+];

            /// The label value.
            pub const fn as_label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)+
                }
            }
        }
    };
}
pub(super) use closed_set;

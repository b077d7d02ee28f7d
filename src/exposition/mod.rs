//! The catalogue of families, their text, blocks of it, compression, negotiation.

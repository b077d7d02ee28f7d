//! The toolkit's names of TLS versions, cipher suites and curves. Names that the toolkit knows and our TLS library does not
//! support are left out with a warning, as long as others remain.

use rustls::crypto::{SupportedKxGroup, aws_lc_rs};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use crate::yaml::{Decoder, Fields, Node};

/// Suites of `crypto/tls.CipherSuites()`, in the releases of Go that the toolkit is built with, which rustls does not have.
const UNSUPPORTED_SUITES: [&str; 8] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
];
const UNSUPPORTED_CURVES: [&str; 1] = ["CurveP521"];

/// The versions from `min_version` to `max_version`.
pub(super) fn versions(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<Vec<&'static SupportedProtocolVersion>> {
    let (min, max) = (bound(d, fields, "min_version", 12), bound(d, fields, "max_version", 13));
    let (mut min, max) = (min?, max?);
    if max < 12 {
        let at = fields.position_of("max_version");
        d.under_key("max_version", |d| {
            d.mistake(at, || "TLS 1.0 and 1.1 are not supported; expected TLS12 or TLS13".to_owned());
        });
        return None;
    }
    if min < 12 {
        let at = fields.position_of("min_version");
        d.under_key("min_version", |d| {
            d.warning(at, || "TLS 1.0 and 1.1 are not supported; TLS12 is the minimum".to_owned());
        });
        min = 12;
    }
    if min > max {
        let at = fields.position_of("min_version");
        d.under_key("min_version", |d| d.mistake(at, || "min_version must not exceed max_version".to_owned()));
        return None;
    }
    let all = [(12, &rustls::version::TLS12), (13, &rustls::version::TLS13)];
    Some(all.into_iter().filter(|(version, _)| (min..=max).contains(version)).map(|(_, version)| version).collect())
}

fn bound(d: &mut Decoder<'_>, fields: &Fields<'_>, key: &'static str, default: u8) -> Option<u8> {
    if !fields.has(key) {
        return Some(default);
    }
    d.optional(fields, key, |d, node| match d.text(node, "TLS12 or TLS13")? {
        "TLS10" => Some(10),
        "TLS11" => Some(11),
        "TLS12" => Some(12),
        "TLS13" => Some(13),
        _ => {
            d.invalid(node, "TLS version", "expected TLS12 or TLS13");
            None
        }
    })
}

/// `cipher_suites`; `None` for the default ones. The result is empty if none of the list is supported.
pub(super) fn cipher_suites(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<Vec<SupportedCipherSuite>> {
    // Go names the suites of TLS 1.3 `TLS_…`, rustls names them `TLS13_…`.
    let go_name = |suite: &SupportedCipherSuite| format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1);
    let known: Vec<_> = aws_lc_rs::ALL_CIPHER_SUITES.iter().map(|suite| (go_name(suite), *suite)).collect();
    d.optional(fields, "cipher_suites", |d, node| supported(d, node, "cipher suite", &known, &UNSUPPORTED_SUITES))
}

/// `curve_preferences`; `None` for the default ones.
pub(super) fn curves(d: &mut Decoder<'_>, fields: &Fields<'_>) -> Option<Vec<&'static dyn SupportedKxGroup>> {
    let known: [(String, &'static dyn SupportedKxGroup); 4] = [
        ("X25519".to_owned(), aws_lc_rs::kx_group::X25519),
        ("CurveP256".to_owned(), aws_lc_rs::kx_group::SECP256R1),
        ("CurveP384".to_owned(), aws_lc_rs::kx_group::SECP384R1),
        ("X25519MLKEM768".to_owned(), aws_lc_rs::kx_group::X25519MLKEM768),
    ];
    d.optional(fields, "curve_preferences", |d, node| {
        let found = supported(d, node, "curve", &known, &UNSUPPORTED_CURVES)?;
        if found.is_empty() {
            d.mistake(node.at, || format!("none of these curves is supported; supported are {}", names(&known)));
        }
        Some(found)
    })
}

/// The supported items of a list; `None` if the list is empty or has a mistake.
fn supported<T: Copy>(
    d: &mut Decoder<'_>,
    node: &Node,
    noun: &str,
    known: &[(String, T)],
    unsupported: &[&str],
) -> Option<Vec<T>> {
    let mut mistaken = false;
    let items = d.items(node, |d, node| {
        let name = d.text(node, "a name")?;
        let found = known.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        if found.is_none() && unsupported.contains(&name) {
            d.warning(node.at, || format!("{noun} {name} is not supported, and left out"));
        } else if found.is_none() {
            mistaken = true;
            d.invalid(node, noun, format_args!("not supported; supported are {}", names(known)));
        }
        Some(found)
    })?;
    (!mistaken && !items.is_empty()).then(|| items.into_iter().flatten().collect())
}

/// Of items of a list of names.
pub(super) fn names<T>(known: &[(String, T)]) -> String {
    known.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
}

//! The scripts that come along.

/// By the platform's name, as in `crates/shops/platforms`; `forms` is for any shop that takes its orders by HTML forms.
pub(super) const ALL: [(&str, &str); 6] = [
    ("forms", include_str!("../../journeys/forms.toml")),
    ("medusa", include_str!("../../journeys/medusa.toml")),
    ("oscar", include_str!("../../journeys/oscar.toml")),
    ("sample", include_str!("../../journeys/sample.toml")),
    ("vendure", include_str!("../../journeys/vendure.toml")),
    ("woocommerce", include_str!("../../journeys/woocommerce.toml")),
];

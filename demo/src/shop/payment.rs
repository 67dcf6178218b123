//! The pretend payment provider: takes its time, moves no money, and is sometimes down. Like a real
//! one it takes an idempotency key, so that asking twice never charges twice.

use std::time::Duration;

use tokio::time::sleep;

/// A payment as the provider confirms it.
#[derive(Debug)]
pub(super) struct Receipt {
    pub(super) provider: &'static str,
    pub(super) reference: String,
}

/// Why a payment was not taken. The customer has not been charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unavailable;

/// Charges `amount_minor` for the cart; the cart's id is the idempotency key, so the reference is
/// the same however often the cart is paid.
pub(super) async fn charge(
    method: &str,
    cart: &str,
    amount_minor: i64,
    is_down: bool,
) -> Result<Receipt, Unavailable> {
    // A real provider takes 0.2 to 2 s; a demonstration is more impatient. Spread by the cart, not
    // by chance, so that a repeated charge takes as long as the first.
    let spread = u64::from(cart.bytes().fold(0_u8, u8::wrapping_add));
    sleep(Duration::from_millis(30 + spread / 4)).await;
    if is_down || amount_minor <= 0 {
        return Err(Unavailable);
    }
    let provider = if method == "invoice" { "pretend-invoice" } else { "pretend-card" };
    Ok(Receipt { provider, reference: format!("pay_{cart}") })
}

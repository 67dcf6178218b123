//! How the kernel hands memory out to this process.

use crate::HostError;

/// Whether the kernel may back this process's memory with pages of 2 MB where its allocator asks for it
/// (PR_SET_THP_DISABLE(2const)). They spare a program that walks through much memory some work, and cost one
/// that needs little several times what it needs. Processes that are started later take it over, also
/// when they become other programs.
///
/// # Errors
/// When the kernel does not let us choose; everything is as it was.
pub fn use_huge_pages(allowed: bool) -> Result<(), HostError> {
    rustix::thread::disable_transparent_huge_pages(!allowed).map_err(HostError::HugePages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_what_the_kernel_knows() {
        for allowed in [false, true] {
            use_huge_pages(allowed).unwrap();
            let disabled = rustix::thread::transparent_huge_pages_are_disabled().unwrap();
            assert_eq!(disabled, !allowed);
        }
    }
}

//! Copies as objects of a bucket.

use super::Copy;
use crate::{
    OutboundError,
    bucket::{self, Bucket, Keeping},
    http::Client,
};
use kernel::config::S3Settings;

#[derive(Debug, Clone)]
pub(super) struct S3(S3Settings);

impl S3 {
    pub(super) fn new(settings: S3Settings) -> Self {
        Self(settings)
    }

    pub(super) fn label(&self) -> String {
        bucket::label(&self.0)
    }

    pub(super) async fn put(
        &self,
        client: &Client,
        copy: Copy,
        now_ms: i64,
    ) -> Result<(), OutboundError> {
        let bucket = Bucket::new(self.0.clone(), client.clone());
        let content_type = Some(copy.content_type);
        let keeping = Keeping { content_type, ..Keeping::default() };
        bucket.put(&copy.name, copy.body, keeping, now_ms).await
    }
}

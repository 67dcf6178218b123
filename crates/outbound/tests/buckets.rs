//! Objects in a real bucket.

use crate::{
    destinations::{Bucket as Moto, moto, now_ms},
    server::Server,
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use kernel::config::{S3Settings, Secret};
use outbound::{
    OutboundError,
    bucket::{Bucket, Keeping, Object, Part},
    http::{Client, ClientOptions},
};

#[tokio::test]
async fn objects_are_kept_read_in_parts_listed_in_pages_and_deleted() {
    let Some(program) = moto() else {
        eprintln!("NOT TESTED: buckets, for moto is not there; `cargo xtask test` installs it");
        return;
    };
    let moto = Moto::start(program).await;
    let options = ClientOptions { body_limit_bytes: 64 << 20, ..ClientOptions::default() };
    let client = Client::new(&options).unwrap();
    let bucket = Bucket::new(moto.settings("lamps", &moto.secret), client.clone());
    let put = async |key: &str, body: Bytes| {
        bucket.put(key, body, Keeping::default(), now_ms()).await.unwrap();
    };
    let get = async |key: &str, range| bucket.get(key, range, now_ms()).await;
    assert_eq!(get("data/a", None).await.unwrap(), None);
    assert_eq!(bucket.size("data/a", now_ms()).await.unwrap(), None);
    let body = Bytes::from(vec![7; 20 << 20]);
    put("data/a", body.clone()).await;
    assert_eq!(bucket.size("data/a", now_ms()).await.unwrap(), Some(20 << 20));
    assert!(get("data/a", None).await.unwrap().unwrap() == body);
    assert_eq!(get("data/a", Some(5..9)).await.unwrap().unwrap(), body[5..9]);
    let behind = get("data/a", Some(30 << 20..31 << 20)).await.unwrap_err();
    assert!(matches!(behind, OutboundError::Refused { status: 416, .. }), "{behind}");
    put("data/b", Bytes::from_static(b"x")).await;
    let listed = bucket.list("data/b", now_ms()).await.unwrap();
    let [Object { key, size_bytes, etag, modified_ms }] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((key.as_str(), *size_bytes), ("data/b", 1));
    assert!(modified_ms.is_some_and(|ms| ms.abs_diff(now_ms()) < 600_000), "{listed:?}");
    let same = async |key: &str, etag: &str, range| {
        bucket.get_same(key, etag, range, now_ms()).await.unwrap()
    };
    assert_eq!(same("data/b", etag, 0..1).await, Part::Same(Bytes::from_static(b"x")));
    assert_eq!(same("data/b", "0123", 0..1).await, Part::Changed);
    assert_eq!(same("data/b", etag, 5..9).await, Part::Changed);
    assert_eq!(same("data/c", etag, 0..1).await, Part::Gone);
    put("data/an odd +name=ü%20/é", Bytes::from_static(b"odd")).await;
    let odd = bucket.list("data/an", now_ms()).await.unwrap();
    assert_eq!(odd[0].key, "data/an odd +name=ü%20/é");
    assert_eq!(get(&odd[0].key, None).await.unwrap().unwrap(), "odd");
    bucket.delete(&odd[0].key, now_ms()).await.unwrap();
    assert_eq!(bucket.list("none/", now_ms()).await.unwrap(), []);
    bucket.delete("data/b", now_ms()).await.unwrap();
    bucket.delete("data/a", now_ms()).await.unwrap();
    bucket.delete("data/a", now_ms()).await.unwrap();
    assert_eq!(bucket.list("data/", now_ms()).await.unwrap(), []);
    let nowhere = Bucket::new(moto.settings("nowhere", &moto.secret), client.clone());
    for error in [
        nowhere.list("", now_ms()).await.unwrap_err(),
        nowhere.get("a", None, now_ms()).await.unwrap_err(),
    ] {
        assert!(error.story().contains("status 404: NoSuchBucket"), "{}", error.story());
    }
    let wrong = Bucket::new(moto.settings("lamps", "s3cret"), client);
    let error = wrong.list("", now_ms()).await.unwrap_err().story();
    assert!(error.contains("status 403") && !error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn every_page_of_a_list_is_asked_for() {
    let server = Server::start(|asked| {
        let page = |number: u32, next: &str| {
            let more = !next.is_empty();
            let next = format!("<NextContinuationToken>{next}</NextContinuationToken>");
            format!(
                "<ListBucketResult><IsTruncated>{more}</IsTruncated>{}<Contents><Key>p/a/{number}</Key>\
                 <Size>{number}</Size></Contents></ListBucketResult>",
                if more { &next } else { "" }
            )
        };
        let text = match asked.target.as_str() {
            "/b?list-type=2&prefix=p%2Fa%2F" => page(1, "one+/="),
            "/b?continuation-token=one%2B%2F%3D&list-type=2&prefix=p%2Fa%2F" => page(2, "two"),
            "/b?continuation-token=two&list-type=2&prefix=p%2Fa%2F" => page(3, ""),
            other => panic!("{other}"),
        };
        Response::new(Full::new(text.into()))
    })
    .await;
    let settings = S3Settings {
        endpoint: format!("http://{}", server.address),
        region: "r".into(),
        bucket: "b".into(),
        prefix: "p".into(),
        key_id: Secret::new("k".into()),
        secret: Secret::new("s".into()),
    };
    let client = Client::new(&ClientOptions::default()).unwrap();
    let listed = Bucket::new(settings, client).list("a/", now_ms()).await.unwrap();
    let keys: Vec<&str> = listed.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys, ["a/1", "a/2", "a/3"]);
}

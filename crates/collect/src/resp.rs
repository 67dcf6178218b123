//! A connection to a Redis or Valkey, as much of RESP as single commands need.
//!
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>

use crate::{CollectError, Login, Place, error::said, place::Stream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Take};

/// `INFO` is a few kilobytes, and more with thousands of databases.
const LIMIT_BYTES: usize = 1 << 20;

pub(crate) struct Connection {
    place: String,
    /// Of one reply so much is read at most.
    stream: Take<BufReader<Box<dyn Stream>>>,
}

pub(crate) enum Reply {
    /// A simple or a bulk string, or a list of one.
    Text(Vec<u8>),
    Number(i64),
    Nothing,
}

impl Connection {
    pub(crate) async fn open(place: &Place, login: Option<&Login>) -> Result<Self, CollectError> {
        let stream = BufReader::new(place.connect().await?).take(LIMIT_BYTES as u64);
        let mut connection = Self { place: place.to_string(), stream };
        if let Some(login) = login {
            let mut words = vec!["AUTH"];
            words.extend(Some(login.user.as_str()).filter(|user| !user.is_empty()));
            words.push(&login.password);
            connection.say(&words).await?;
        }
        Ok(connection)
    }

    /// Sends a command and waits for its reply.
    pub(crate) async fn say(&mut self, words: &[&str]) -> Result<Reply, CollectError> {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        let stream = self.stream.get_mut();
        let sent = stream.write_all(command.as_bytes()).await;
        sent.map_err(|source| CollectError::Ask { place: self.place.clone(), source })?;
        self.stream.set_limit(LIMIT_BYTES as u64);
        let line = self.line().await?;
        let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<i64>().ok();
        match line.split_first() {
            Some((b'*', b"0")) => Ok(Reply::Nothing),
            Some((b'*', b"1")) => match self.line().await?.split_first() {
                Some((b'$', length)) => self.bulk(length).await.map(Reply::Text),
                _ => Err(CollectError::odd(&self.place, "a list of something else than text")),
            },
            Some((b'+', text)) => Ok(Reply::Text(text.to_vec())),
            Some((b'-', error)) => Err(self.refused(error)),
            Some((b'$', b"-1")) => Ok(Reply::Nothing),
            Some((b'$', length)) => self.bulk(length).await.map(Reply::Text),
            Some((b':', text)) if number(text).is_some() => {
                Ok(number(text).map_or(Reply::Nothing, Reply::Number))
            }
            _ => Err(CollectError::odd(
                &self.place,
                format!("`{}` is no reply of Redis", said(&line)),
            )),
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, CollectError> {
        let mut line = Vec::new();
        let read = self.stream.read_until(b'\n', &mut line).await;
        read.map_err(|source| CollectError::Ask { place: self.place.clone(), source })?;
        if line.ends_with(b"\r\n") {
            line.truncate(line.len() - 2);
            return Ok(line);
        }
        if self.stream.limit() == 0 {
            return Err(self.too_long());
        }
        Err(CollectError::odd(&self.place, "it ends in the middle"))
    }

    /// The bytes, and the end of line behind them.
    async fn bulk(&mut self, length: &[u8]) -> Result<Vec<u8>, CollectError> {
        let length = std::str::from_utf8(length).ok().and_then(|text| text.parse::<usize>().ok());
        let length =
            length.ok_or_else(|| CollectError::odd(&self.place, "a reply without a length"))?;
        if length > LIMIT_BYTES {
            return Err(self.too_long());
        }
        let mut bytes = Vec::new();
        self.stream.set_limit(length as u64 + 2);
        let read = self.stream.read_to_end(&mut bytes).await;
        read.map_err(|source| CollectError::Ask { place: self.place.clone(), source })?;
        if bytes.len() < length + 2 {
            return Err(CollectError::odd(&self.place, "it ends in the middle"));
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    fn too_long(&self) -> CollectError {
        CollectError::TooLong { place: self.place.clone(), limit_bytes: LIMIT_BYTES }
    }

    fn refused(&self, error: &[u8]) -> CollectError {
        CollectError::Refused { place: self.place.clone(), said: said(error) }
    }
}

//! The messages of both versions, read without a copy of any text.

use super::{
    Limits, Metadata, Received, kind_of,
    protobuf::{Fields, Value, Wrong},
};
use crate::wire::Malformed;
use series::{METRIC, Sample};

/// What a request says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Entry<'a> {
    /// Samples of one series. Labels stand as they were sent: by the specification sorted and none twice, which whoever keeps them has to see
    /// to. Samples may be none, and may be of any order. Their bits are those that were sent, a staleness marker's too.
    Series {
        labels: &'a [(&'a str, &'a str)],
        samples: &'a [Sample],
    },
    Metadata(Metadata<'a>),
}

/// Room for one series after another.
#[derive(Debug, Default)]
struct Room<'a> {
    labels: Vec<(&'a str, &'a str)>,
    samples: Vec<Sample>,
    /// Native histograms of the series.
    histograms: u64,
}

/// `prometheus.WriteRequest`.
pub(super) fn read_one(
    message: &[u8],
    limits: &Limits,
    mut take: impl FnMut(Entry<'_>),
) -> Result<Received, Wrong> {
    let mut received = Received::default();
    let mut room = Room::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => {
                series_one(value.bytes(&fields)?, limits, &mut received, &mut room)?;
                hand_on(&mut room, limits, &mut received, &mut take);
            }
            3 => {
                let metadata = metadata_one(value.bytes(&fields)?)?;
                received.metadata += 1;
                take(Entry::Metadata(metadata));
            }
            4 | 5 => return Err(fields.wrong(Malformed::OtherVersion)),
            _ => {}
        }
    }
    Ok(received)
}

/// `io.prometheus.write.v2.Request`. Its symbols may stand after what refers to them, so they are gathered first.
pub(super) fn read_two(
    message: &[u8],
    limits: &Limits,
    mut take: impl FnMut(Entry<'_>),
) -> Result<Received, Wrong> {
    let symbols = symbols(message, limits)?;
    let mut received = Received::default();
    let mut room = Room::default();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        if number != 5 {
            continue;
        }
        let series = value.bytes(&fields)?;
        let metadata = series_two(series, &symbols, limits, &mut received, &mut room)?;
        if let Some(metadata) = metadata {
            received.metadata += 1;
            take(Entry::Metadata(metadata));
        }
        hand_on(&mut room, limits, &mut received, &mut take);
    }
    Ok(received)
}

fn hand_on(
    room: &mut Room<'_>,
    limits: &Limits,
    received: &mut Received,
    take: &mut impl FnMut(Entry<'_>),
) {
    let metric =
        || room.labels.iter().find(|(name, _)| *name == METRIC).map_or("", |(_, value)| *value);
    if room.histograms > 0 {
        received.histograms += room.histograms;
        received.first_histogram.get_or_insert_with(|| metric().chars().take(200).collect());
    }
    let is_within = room.labels.len() <= limits.labels
        && room.labels.iter().all(|(name, value)| {
            let most = if *name == METRIC { limits.name_bytes } else { limits.value_bytes };
            name.len() <= limits.name_bytes && value.len() <= most
        });
    if !is_within {
        received.oversized += 1;
        received.first_oversized.get_or_insert_with(|| metric().chars().take(200).collect());
    } else if !room.samples.is_empty() || room.histograms == 0 {
        received.series += 1;
        received.samples += room.samples.len() as u64;
        take(Entry::Series { labels: &room.labels, samples: &room.samples });
    }
    room.labels.clear();
    room.samples.clear();
    room.histograms = 0;
}

impl<'a> Room<'a> {
    /// Labels beyond the limit are counted by one and held no further: the series is left out anyway.
    fn label(&mut self, limits: &Limits, label: (&'a str, &'a str)) {
        if self.labels.len() <= limits.labels {
            self.labels.push(label);
        }
    }

    fn sample(
        &mut self,
        fields: Fields<'_>,
        limits: &Limits,
        received: &Received,
    ) -> Result<(), Wrong> {
        if received.samples + self.samples.len() as u64 >= limits.samples {
            return Err(fields.wrong(Malformed::TooManySamples));
        }
        self.samples.push(sample(fields)?);
        Ok(())
    }
}

fn series_one<'a>(
    mut fields: Fields<'a>,
    limits: &Limits,
    received: &mut Received,
    room: &mut Room<'a>,
) -> Result<(), Wrong> {
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => room.label(limits, label(value.bytes(&fields)?)?),
            2 => room.sample(value.bytes(&fields)?, limits, received)?,
            3 => received.exemplars += 1,
            4 => room.histograms += 1,
            _ => {}
        }
    }
    Ok(())
}

#[inline(always)]
fn label(mut fields: Fields<'_>) -> Result<(&str, &str), Wrong> {
    let mut label = ("", "");
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => label.0 = value.text(&fields)?,
            2 => label.1 = value.text(&fields)?,
            _ => {}
        }
    }
    Ok(label)
}

/// The same in both versions.
#[inline(always)]
fn sample(mut fields: Fields<'_>) -> Result<Sample, Wrong> {
    let mut sample = Sample { at_ms: 0, value: 0.0 };
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => sample.value = value.double(&fields)?,
            // Protobuf's int64: the bits of a signed number.
            2 => sample.at_ms = value.varint(&fields)?.cast_signed(),
            _ => {}
        }
    }
    Ok(sample)
}

fn metadata_one(mut fields: Fields<'_>) -> Result<Metadata<'_>, Wrong> {
    let mut metadata = Metadata { family: "", kind: kind_of(0), help: "", unit: "" };
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => metadata.kind = kind_of(value.varint(&fields)?),
            2 => metadata.family = value.text(&fields)?,
            4 => metadata.help = value.text(&fields)?,
            5 => metadata.unit = value.text(&fields)?,
            _ => {}
        }
    }
    Ok(metadata)
}

fn symbols<'a>(message: &'a [u8], limits: &Limits) -> Result<Vec<&'a str>, Wrong> {
    let mut symbols = Vec::new();
    let mut fields = Fields::new(message);
    while let Some((number, value)) = fields.next()? {
        match number {
            4 if symbols.len() == limits.symbols => {
                return Err(fields.wrong(Malformed::TooManySymbols));
            }
            4 => symbols.push(value.text(&fields)?),
            1..=3 => return Err(fields.wrong(Malformed::OtherVersion)),
            _ => {}
        }
        if symbols.first().is_some_and(|first| !first.is_empty()) {
            return Err(fields.wrong(Malformed::FirstSymbol));
        }
    }
    Ok(symbols)
}

fn symbol<'a>(symbols: &[&'a str], number: u64, at: &Fields<'_>) -> Result<&'a str, Wrong> {
    let found = usize::try_from(number).ok().and_then(|number| symbols.get(number));
    found.copied().ok_or_else(|| at.wrong(Malformed::Symbol))
}

fn series_two<'a>(
    mut fields: Fields<'a>,
    symbols: &[&'a str],
    limits: &Limits,
    received: &mut Received,
    room: &mut Room<'a>,
) -> Result<Option<Metadata<'a>>, Wrong> {
    let mut metadata = None;
    let mut open = None;
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Bytes(mut packed)) => {
                while !packed.is_over() {
                    let text = symbol(symbols, packed.varint()?, &packed)?;
                    reference(text, &mut open, limits, room);
                }
            }
            (1, value) => {
                let text = symbol(symbols, value.varint(&fields)?, &fields)?;
                reference(text, &mut open, limits, room);
            }
            (2, value) => room.sample(value.bytes(&fields)?, limits, received)?,
            (3, _) => room.histograms += 1,
            (4, _) => received.exemplars += 1,
            (5, value) => metadata = metadata_two(value.bytes(&fields)?, symbols)?,
            _ => {}
        }
    }
    if open.is_some() {
        return Err(fields.wrong(Malformed::OddReferences));
    }
    let metric = room.labels.iter().find(|(name, _)| *name == METRIC);
    let family = metric.map_or("", |(_, value)| *value);
    Ok(metadata.map(|metadata| Metadata { family, ..metadata }))
}

/// References come in twos, a name and a value, wherever the fields that hold them are parted.
#[inline(always)]
fn reference<'a>(text: &'a str, open: &mut Option<&'a str>, limits: &Limits, room: &mut Room<'a>) {
    match open.take() {
        None => *open = Some(text),
        Some(name) => room.label(limits, (name, text)),
    }
}

/// Nothing when it says nothing.
fn metadata_two<'a>(
    mut fields: Fields<'_>,
    symbols: &[&'a str],
) -> Result<Option<Metadata<'a>>, Wrong> {
    let (mut kind, mut help, mut unit) = (0, "", "");
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => kind = value.varint(&fields)?,
            3 => help = symbol(symbols, value.varint(&fields)?, &fields)?,
            4 => unit = symbol(symbols, value.varint(&fields)?, &fields)?,
            _ => {}
        }
    }
    let says_something = kind != 0 || !help.is_empty() || !unit.is_empty();
    Ok(says_something.then_some(Metadata { family: "", kind: kind_of(kind), help, unit }))
}

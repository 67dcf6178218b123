//! The picture on every page: a small shop with its awning in the shop's colour, drawn for each
//! trouble with a sign of its own in the door.

use super::Trouble;

/// What the scene shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    /// Lights on, a clock in the door: back in a moment.
    Soon,
    /// People in front of the door.
    Busy,
    /// Lights off, shutter half down.
    Closed,
    /// No door number.
    Nowhere,
    /// A letter that came back.
    Returned,
    /// A heart: for the page after a report.
    Thanks,
}

impl Scene {
    pub(super) fn of(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Held => Self::Soon,
            Trouble::Full => Self::Busy,
            Trouble::Unreachable | Trouble::BrokenOff | Trouble::TimedOut => Self::Closed,
            Trouble::UnknownHost => Self::Nowhere,
            _ => Self::Returned,
        }
    }

    /// The whole drawing; decoration only, so that screen readers pass over it.
    pub(super) fn svg(self) -> String {
        let (lit, extra) = match self {
            Self::Soon => ("lit", CLOCK),
            Self::Busy => ("lit", PEOPLE),
            Self::Closed => ("dark", SHUTTER),
            Self::Nowhere => ("dark", QUESTION),
            Self::Returned => ("lit", LETTER),
            Self::Thanks => ("lit", HEART),
        };
        format!(
            "<svg class=\"scene {lit}\" viewBox=\"0 0 280 170\" aria-hidden=\"true\" \
             focusable=\"false\">{SHOP}{extra}</svg>"
        )
    }
}

/// Ground, plants, house, window with shelves and goods, door, awning.
const SHOP: &str = concat!(
    r#"<path class="line" d="M4 158h272"/>"#,
    r#"<path class="leaf" d="M36 134c-9-6-11-17-7-27 8 5 11 14 9 24 2-11 8-19 17-22 1 11-4 21-14 26z"/>"#,
    r#"<path class="pot" d="M27 136h24l-3 22H30z"/>"#,
    r#"<path class="wall" d="M66 66h148v92H66z"/>"#,
    r#"<path class="pane" d="M78 92h74v48H78z"/>"#,
    r#"<path class="line thin" d="M78 117h74"/>"#,
    r#"<g class="goods"><path d="M86 117v-9a5 5 0 0 1 10 0v9z"/><path d="M103 117v-13h12v13z"/><circle cx="130" cy="110" r="7"/><path d="M88 140v-12h15v12z"/><path d="M111 140l6-14 6 14z"/><path d="M131 140v-8a6 6 0 0 1 12 0v8z"/></g>"#,
    r#"<path class="door" d="M166 92h36v66h-36z"/>"#,
    r#"<circle class="knob" cx="173" cy="128" r="2"/>"#,
    r#"<path class="roof" d="M62 48h156v10H62z"/>"#,
    r#"<path class="stripe" d="M58 58h164l6 18H52z"/>"#,
    r#"<path class="stripe" d="M52 76h29.3v4a14.65 12 0 0 1-29.3 0zM110.6 76h29.4v4a14.7 12 0 0 1-29.4 0zM169.3 76h29.4v4a14.7 12 0 0 1-29.4 0z"/>"#,
    r#"<path class="pale" d="M81.3 76h29.3v4a14.65 12 0 0 1-29.3 0zM140 76h29.3v4a14.65 12 0 0 1-29.3 0zM198.7 76H228v4a14.65 12 0 0 1-29.3 0z"/>"#,
    r#"<path class="pale" d="M85.4 58h27.3l-2.1 18H81.3zM140 58h27.3l2 18H140zM194.7 58H222l6 18h-29.3z"/>"#,
);

const CLOCK: &str = concat!(
    r#"<g class="sign"><circle cx="184" cy="112" r="11"/><path class="hand hour" d="M184 112v-6"/>"#,
    r#"<path class="hand minute" d="M184 112v-8.5"/></g>"#,
);

const PEOPLE: &str = concat!(
    r#"<g class="people"><g><circle cx="250" cy="124" r="6"/><path d="M241 158v-18a9 9 0 0 1 18 0v18z"/></g>"#,
    r#"<g><circle cx="230" cy="128" r="6"/><path d="M221 158v-15a9 9 0 0 1 18 0v15z"/></g>"#,
    r#"<g><circle cx="268" cy="130" r="5.5"/><path d="M260 158v-14a8 8 0 0 1 16 0v14z"/></g></g>"#,
);

const SHUTTER: &str = concat!(
    r#"<path class="shutter" d="M166 92h36v34h-36z"/>"#,
    r#"<path class="line thin" d="M166 100h36M166 108h36M166 116h36M166 126h36"/>"#,
    r#"<path class="moon" d="M250 40a15 15 0 1 1-15-15 12 12 0 0 0 15 15z"/>"#,
);

const QUESTION: &str = concat!(
    r#"<g class="sign"><rect x="173" y="101" width="22" height="22" rx="4"/>"#,
    r#"<path class="mark" d="M180.5 109a3.6 3.6 0 1 1 5 3.3c-1.2.6-1.5 1.2-1.5 2.4M184 118.2v.3"/></g>"#,
);

const LETTER: &str = concat!(
    r#"<g class="sign"><rect x="171" y="104" width="26" height="18" rx="3"/>"#,
    r#"<path class="mark" d="M173.5 107l10.5 8 10.5-8"/></g>"#,
);

const HEART: &str = concat!(
    r#"<g class="sign"><circle cx="184" cy="112" r="12"/>"#,
    r#"<path class="heart" d="M184 118.5c-8-5-7.400-11-3.500-11.300 1.700-.1 2.900.9 3.500 2.100.6-1.200 1.800-2.200 3.500-2.100 3.900.3 4.500 6.300-3.500 11.300z"/></g>"#,
);
